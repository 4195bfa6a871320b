import { z } from 'zod'
import { slugSchema } from '../../registry/domain/contract/primitives.ts'
import { microsToIso } from '../../registry/domain/contract/time.ts'
import { exportBundle, exportBundleInput } from '../../registry/services/export-bundle.ts'
import type { ApiDeps } from '../deps.ts'
import { endpoint } from '../endpoint.ts'

const bundleSchema = z
  .object({
    digest: z.string().describe('SHA-256 over the bytes'),
    key: z.string().describe('Id of the key that signed'),
    issue: z.number().int().describe('Of two bundles for a machine the one with the higher number counts'),
    issuedAt: z.string(),
    release: z.string(),
    assets: z.array(slugSchema),
    bytes: z.string().describe('The bundle, base64'),
  })
  .meta({ id: 'Bundle' })

/** Releases on their way to gateways, which judge by them without the platform. */
export const bundleEndpoints = ({ bundleSigner }: Pick<ApiDeps, 'bundleSigner'>) => [
  endpoint({
    operationId: 'exportBundle', method: 'post', path: '/v1/releases/{release}/bundles', tag: 'Models', right: 'release.export', scope: 'site', status: 201,
    summary: 'Issue a release as a signed bundle for the gateway that reads these machines',
    description: 'Model, feature set, calibration and policy, each with its digest. The release must be the champion of every machine named. Each call is a new issue, with its audit entry.',
    params: z.object({ release: z.string().max(100) }), body: exportBundleInput.pick({ assets: true }).strict(), answer: bundleSchema,
    handle: async ({ ctx, actor, site, params, body }) => {
      const { bytes, digest, keyId, manifest } = await exportBundle({ ...ctx, signer: bundleSigner, node: process.version }, actor, { site, ...params, ...body })
      return {
        digest, key: keyId, issue: manifest.issue.number, issuedAt: microsToIso(manifest.issue.atUs), release: manifest.release.id, assets: manifest.assets,
        bytes: Buffer.from(bytes).toString('base64'),
      }
    },
  }),
  endpoint({
    operationId: 'getBundleKey', method: 'get', path: '/v1/bundle-key', tag: 'Models', right: 'read', scope: 'fleet',
    summary: 'The public key by which gateways check bundles', description: 'A gateway trusts no bundle of a key that it was not given.',
    answer: z.object({ key: z.string().describe('Its id: SHA-256 over the SPKI'), publicKey: z.string().describe('PEM') }),
    handle: async () => ({ key: bundleSigner.keyId, publicKey: bundleSigner.publicKey }),
  }),
]
