import { z } from 'zod'
import { durationSchema, secretReferenceSchema } from '../kind.ts'

export const securityPolicies = ['Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss'] as const

const securitySchema = z.strictObject({
  mode: z.enum(['None', 'Sign', 'SignAndEncrypt']).default('SignAndEncrypt'),
  /** Ignored with mode None. The policies on SHA-1 (Basic128Rsa15, Basic256) are withdrawn and not offered. */
  policy: z.enum(securityPolicies).default('Basic256Sha256'),
})

const userSchema = z.union([
  z.strictObject({ name: z.string().min(1), password: secretReferenceSchema }),
  z.strictObject({
    certificateFile: z.string().min(1).describe('PEM or DER'),
    privateKeyFile: z.string().min(1).describe('PEM, readable by the gateway alone'),
  }),
])

/** How to reach a server and be let in; also all that browsing needs. */
const connectionFields = {
  endpoint: z.string().regex(/^opc\.tcp:\/\/[^\s/]+(\/\S*)?$/, { error: 'write opc.tcp://HOST:PORT, with the path the server shows, if any' }),
  security: securitySchema.prefault({}),
  /** Takes the certificate of the first server it meets for the right one, and no other after it. */
  trustOnFirstUse: z.boolean().default(false),
  user: userSchema.optional(),
  /** With security mode None nobody knows who receives the password. */
  allowPasswordWithoutSecurity: z.boolean().default(false),
} as const

/** A password for whoever answers is worse than none: one must say that one means it. */
const keepsPassword = ({ user, security, allowPasswordWithoutSecurity }: Pick<z.infer<z.ZodObject<typeof connectionFields>>, 'user' | 'security' | 'allowPasswordWithoutSecurity'>) => (
  user === undefined || !('password' in user) || security.mode !== 'None' || allowPasswordWithoutSecurity)
const passwordProblem = {
  path: ['user', 'password'],
  error: 'with security mode None anybody may pose as the server and receive the password; choose Sign or SignAndEncrypt, or say allowPasswordWithoutSecurity: true',
}

export const opcUaConnectionSchema = z.strictObject(connectionFields).refine(keepsPassword, passwordProblem)
export type OpcUaConnection = z.infer<typeof opcUaConnectionSchema>

const nodeSchema = z.strictObject({
  /** How often the server samples the value; the tag's `every` unless told. */
  sampling: durationSchema.optional(),
  /** Values the server keeps between two publishes. */
  queueSize: z.number().int().min(1).max(10_000).optional(),
  /** Of the node's EURange; refused by servers for nodes that have none. */
  deadbandPercent: z.number().min(0).max(100).optional(),
  /** Makes a waveform of an array of numbers: samples a second. */
  sampleRateHz: z.number().positive().optional(),
  /** Which of its samples the array's source timestamp belongs to. */
  timestampOf: z.enum(['first', 'last']).default('first'),
})
export type NodeOptions = z.infer<typeof nodeSchema>

export const opcUaConfigSchema = z.strictObject({
  ...connectionFields,
  publishing: durationSchema.default(1_000),
  /** After so many publishing intervals without a word of the server, keep-alives included, the connection is made anew. */
  silentAfter: z.number().int().min(3).max(1_000).default(10),
  history: z.strictObject({
    fill: z.boolean().default(true),
    /** Nothing older is asked for. */
    maxAge: durationSchema.default(7 * 86_400_000),
    /** Values of one node in one answer. */
    pageValues: z.number().int().min(2).max(10_000).default(1_000),
  }).prefault({}),
  /** Beyond what a tag says, by its address. */
  nodes: z.record(z.string(), nodeSchema).default({}),
}).refine(keepsPassword, passwordProblem)
export type OpcUaConfig = z.infer<typeof opcUaConfigSchema>
