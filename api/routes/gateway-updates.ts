import { z } from 'zod'
import { microsToIso } from '../../registry/domain/contract/time.ts'
import { issueUpdate, issueUpdateInput } from '../../registry/services/issue-update.ts'
import type { ApiDeps } from '../deps.ts'
import { endpoint } from '../endpoint.ts'

const issuedSchema = z
  .object({
    digest: z.string().describe('SHA-256 over the signed manifest, which names every file by its digest'),
    key: z.string().describe('Id of the key that signed'),
    issue: z.number().int().describe('Of two updates of one version the one with the higher number is later'),
    issuedAt: z.string(),
    version: z.string(),
    sealed: z.string().describe('The signed manifest, base64; the compressed files go behind it'),
  })
  .meta({ id: 'GatewayUpdate' })

/** Programs on their way to gateways. */
export const gatewayUpdateEndpoints = ({ bundleSigner }: Pick<ApiDeps, 'bundleSigner'>) => [
  endpoint({
    operationId: 'issueGatewayUpdate', method: 'post', path: '/v1/gateway-updates', tag: 'Data', right: 'gateway.update', scope: 'site', status: 201,
    summary: 'Sign an update of the gateway’s program',
    description: 'The body says which version, for which platform and Node, and the digest of each file; "twinward edge package" makes it. Gateways take it when they trust the platform’s key.',
    body: issueUpdateInput.shape.update, answer: issuedSchema,
    handle: async ({ ctx, actor, site, body }) => {
      const { sealed, digest, keyId, manifest } = await issueUpdate({ ...ctx, signer: bundleSigner }, actor, { site, update: body })
      return { digest, key: keyId, issue: manifest.issue.number, issuedAt: microsToIso(manifest.issue.atUs), version: manifest.version, sealed: Buffer.from(sealed).toString('base64') }
    },
  }),
]
