import { z } from 'zod'
import { slugSchema } from '../../registry/domain/contract/primitives.ts'
import { enrolGateway, enrolGatewayInput } from '../../registry/services/gateways/enrol-gateway.ts'
import { orderRenewal } from '../../registry/services/gateways/order-renewal.ts'
import { revokeGateway, revokeGatewayInput } from '../../registry/services/gateways/revoke-gateway.ts'
import { listAuthorities, rotateAuthority } from '../../registry/services/gateways/rotate-authority.ts'
import { listGatewayCertificates } from '../../registry/services/read/gateway-certificates.ts'
import { pageInput } from '../../registry/services/read/page.ts'
import type { ApiDeps } from '../deps.ts'
import { endpoint } from '../endpoint.ts'
import { pageOf } from '../pagination.ts'

const enrolmentSchema = z
  .object({
    id: z.string(),
    site: z.string(),
    gateway: z.string(),
    token: z.string().describe('For `twinward-edge enrol`; works once, and is shown this once'),
    expiresAt: z.string(),
  })
  .meta({ id: 'GatewayEnrolment' })

const certificateSchema = z
  .object({
    id: z.string(),
    gateway: z.string(),
    state: z.enum(['valid', 'expired', 'revoked', 'renewed']).describe('renewed: another took its place'),
    serial: z.string(),
    fingerprint: z.string().describe('SHA-256 over the certificate'),
    subject: z.string(),
    authority: z.string().describe('SHA-256 over the key of the authority that signed it'),
    issuedAt: z.string(),
    issuedBy: z.string().describe('Who made the token; of a renewal, the gateway'),
    notBefore: z.string(),
    notAfter: z.string(),
    lastUsedAt: z.string().nullable(),
    lastAddress: z.string().nullable().describe('Where it was shown last'),
    lastEpoch: z.string().nullable().describe('Of the buffer behind it'),
    revokedAt: z.string().nullable(),
    revokedBy: z.string().nullable(),
    revokedBecause: z.string().nullable(),
  })
  .meta({ id: 'GatewayCertificate' })

const authoritiesSchema = z
  .object({
    yours: z.boolean().describe('true: of your own making, by TWINWARD_GATEWAY_CA_CERT'),
    authorities: z.array(z.object({
      id: z.string().describe('SHA-256 over its key (SPKI)'),
      signs: z.boolean(),
      notAfter: z.string(),
      certificates: z.number().int().describe('By it, neither over nor revoked: it is trusted as long as there are any'),
    })),
  })
  .meta({ id: 'GatewayAuthorities' })

const params = z.object({ gateway: slugSchema.describe('Gateway id') })

/** Who gateways are: tokens, certificates, the authority that makes them. */
export const gatewayIdentityEndpoints = ({ gatewayDoor }: Pick<ApiDeps, 'gatewayDoor'>) => [
  endpoint({
    operationId: 'enrolGateway', method: 'post', path: '/v1/gateways/{gateway}/enrolments', tag: 'Data', right: 'gateway.enrol', scope: 'site', status: 201, secretAnswer: true,
    summary: 'Make a token by which a box becomes this gateway, once', description: 'It takes the place of tokens nobody has used. When it is used, what the gateway showed before is revoked.',
    params, body: enrolGatewayInput.pick({ validHours: true }).strict(), answer: enrolmentSchema,
    handle: ({ ctx, actor, site, params: { gateway }, body }) => enrolGateway({ ...ctx, door: gatewayDoor }, actor, { site, gateway, ...body }),
  }),
  endpoint({
    operationId: 'listGatewayCertificates', method: 'get', path: '/v1/gateways/{gateway}/certificates', tag: 'Data', right: 'read', scope: 'site',
    summary: 'Certificates it was given, newest first', params, query: z.object(pageInput), answer: pageOf(certificateSchema),
    handle: ({ ctx, actor, site, params: { gateway }, query }) => listGatewayCertificates(ctx, actor, { site, gateway, ...query }),
  }),
  endpoint({
    operationId: 'renewGateway', method: 'post', path: '/v1/gateways/{gateway}/renewals', tag: 'Data', right: 'gateway.enrol', scope: 'site', status: 202,
    summary: 'Have a gateway exchange its key now', description: 'It is told with the reply to its next report, makes another key and gets a certificate for it. The old one works until the new one has been used.',
    params, body: z.strictObject({}), answer: z.object({ gateway: z.string(), state: z.literal('ordered') }).meta({ id: 'GatewayRenewal' }),
    handle: ({ ctx, actor, site, params: { gateway } }) => orderRenewal(ctx, actor, { site, gateway }),
  }),
  endpoint({
    operationId: 'revokeGateway', method: 'post', path: '/v1/gateways/{gateway}/revoke', tag: 'Data', right: 'gateway.revoke', scope: 'site',
    summary: 'Shut a gateway out until it is enrolled again', description: 'Its certificates and unused tokens work no more, its sessions end, and nothing of it is taken. What it holds stays in its buffer.',
    params, body: revokeGatewayInput.pick({ reason: true }).strict(),
    answer: z.object({ gateway: z.string(), revokedAt: z.string(), certificates: z.array(z.string()), enrolments: z.number().int() }).meta({ id: 'RevokedGateway' }),
    handle: ({ ctx, actor, site, params: { gateway }, body }) => revokeGateway(ctx, actor, { site, gateway, ...body }),
  }),
  endpoint({
    operationId: 'listGatewayAuthorities', method: 'get', path: '/v1/gateway-ca', tag: 'Platform', right: 'gateway-ca.write', scope: 'fleet',
    summary: 'The authorities that gateways’ certificates are by', answer: authoritiesSchema,
    handle: ({ ctx, actor }) => listAuthorities(ctx, actor, gatewayDoor),
  }),
  endpoint({
    operationId: 'rotateGatewayAuthority', method: 'post', path: '/v1/gateway-ca/rotate', tag: 'Platform', right: 'gateway-ca.write', scope: 'fleet', status: 201,
    summary: 'Make another authority, which signs from now on', description: 'The one before is trusted until every certificate by it was renewed or is over.',
    answer: authoritiesSchema, handle: ({ ctx, actor }) => rotateAuthority(ctx, actor, gatewayDoor),
  }),
]
