import { z } from 'zod'
import { secretReferenceSchema } from '../kind.ts'

/** PEM, wherever secrets may be. Site files of before name the file alone. */
const pemSchema = z.union([z.string().min(1).transform((file) => ({ file })), secretReferenceSchema], { error: 'write { file: PATH } or { env: NAME }' })

/** How to reach a broker and be let in. */
export const brokerFields = {
  url: z.string().regex(/^mqtts?:\/\/[^\s/]+$/, { error: 'write mqtt://HOST:1883, or mqtts://HOST:8883 for TLS' }),
  username: z.string().min(1).optional(),
  password: secretReferenceSchema.optional(),
  tls: z.strictObject({
    ca: pemSchema.optional().describe('PEM of the authority that signed the broker\'s certificate; the system\'s own unless told'),
    certificate: pemSchema.optional().describe('PEM by which the gateway shows who it is'),
    key: pemSchema.optional().describe('PEM, readable by the gateway alone'),
  }).refine(({ certificate, key }) => (certificate === undefined) === (key === undefined), { error: 'certificate and key belong together' }).optional(),
  keepalive: z.int().min(5).max(3_600).default(30).describe('Seconds; a broker that is silent for one and a half times as long is lost'),
  maxPayload: z.int().min(1_024).max(16 * 1024 * 1024).default(1024 * 1024).describe('Bytes; larger messages are refused and counted'),
}
export type BrokerConfig = z.infer<z.ZodObject<typeof brokerFields>>
