import { z } from 'zod'
import { doorAddressSchema } from '../identity/enrolment-token.ts'
import { microsSchema, slugSchema } from './primitives.ts'

/** PEM of a request or a certificate; a few hundred bytes with the keys we make. */
const pemSchema = z.string().min(1).max(8_192)

/** `POST /enrol`: whoever has the token gets a certificate for the key of the request. */
export const enrolRequestSchema = z.strictObject({ token: z.string().max(2_000), request: pemSchema.describe('PKCS #10, PEM; its names are not looked at') })
export type EnrolRequest = z.infer<typeof enrolRequestSchema>

/** `POST /renew`, under the certificate that is to be renewed. */
export const renewRequestSchema = z.strictObject({ request: pemSchema })

/** What enrolling and renewing give. */
export const givenCertificateSchema = z.object({
  site: slugSchema,
  gateway: slugSchema,
  certificate: pemSchema,
  authorities: z.array(pemSchema).min(1).max(4).describe('To be trusted from now on, in place of those before'),
  mqtt: doorAddressSchema.describe('Where the door answers MQTT over TLS'),
  notBeforeUs: microsSchema,
  notAfterUs: microsSchema,
  serverUs: microsSchema.describe('Platform clock'),
})
export type GivenCertificate = z.infer<typeof givenCertificateSchema>

/** `GET /identity`: how the certificate shown stands, so that a gateway that was turned away learns why. */
export const identityStateSchema = z.object({ site: slugSchema, gateway: slugSchema, notAfterUs: microsSchema, renewDue: z.boolean(), serverUs: microsSchema })
export type IdentityState = z.infer<typeof identityStateSchema>

/** `GET /ca`: what the door's certificate may be checked against, by whoever knows the digest of its key. */
export const authoritiesSchema = z.object({ authorities: z.array(pemSchema).min(1).max(4) })

/** The one name in the door's certificate that gateways look for: the address may be another behind every router. */
export const DOOR_NAME = 'door.twinward.internal'
