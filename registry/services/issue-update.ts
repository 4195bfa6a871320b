import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import type { BundleSigner } from '../domain/bundle/seal.ts'
import { sha256Hex } from '../domain/canonical.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { updateDraftSchema, type UpdateManifest } from '../domain/update/manifest.ts'
import { sealUpdate } from '../domain/update/open.ts'
import { recordNumberedAudit } from '../store/audit.ts'
import { inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

export const issueUpdateInput = z.object({ site: slugSchema, update: updateDraftSchema })
export type IssueUpdateInput = z.infer<typeof issueUpdateInput>

export interface IssuedUpdate {
  /** The signed manifest; the files go behind it. */
  readonly sealed: Uint8Array
  /** Which update it is, files and all. */
  readonly digest: string
  readonly keyId: string
  readonly manifest: UpdateManifest
}

/**
 * Signs what an update of the gateway's program says of itself: version, platform, the digest of each file. Whoever may do
 * this answers for code that runs at plants; each issue is an audit entry, whose number it bears.
 */
export async function issueUpdate(ctx: ServiceContext & { readonly signer: BundleSigner }, actor: Actor, { site, update }: IssueUpdateInput): Promise<IssuedUpdate> {
  demand(actor, 'gateway.update', site)
  return inSite(ctx.pool, site, async (tx) => {
    const { version, platform, arch, payload } = update
    const number = await recordNumberedAudit(tx, { actor, verb: 'issue-update', subject: `gateway-program/${version}`, detail: { version, platform, arch, payload: payload.digest, key: ctx.signer.keyId } })
    const manifest = { ...update, issue: { number, atUs: ctx.nowUs(), by: actor.id } }
    const sealed = sealUpdate(ctx.signer, manifest)
    return { sealed, digest: sha256Hex(sealed), keyId: ctx.signer.keyId, manifest }
  })
}
