import { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import type { BundleSigner } from '../../domain/bundle/seal.ts'
import { sha256Hex } from '../../domain/canonical.ts'
import { MAX_SITE_FILE_BYTES, sealSiteFile } from '../../domain/configure/signed-site-file.ts'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { refuse } from '../../domain/errors.ts'
import { stagesOf } from '../../domain/update/fleet.ts'
import { recordNumberedAudit } from '../../store/audit.ts'
import { gatewaysToUpdate, type FleetUpdateRow, type TargetFile, type UpdatableGateway } from '../../store/gateway-updates.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { startFleetUpdate } from './start.ts'
import { termsShape } from './terms.ts'

export const configureInput = z.object({
  site: slugSchema,
  files: z.array(z.object({ gateway: slugSchema, text: z.string().min(1).max(MAX_SITE_FILE_BYTES) })).min(1).max(200).describe('The whole text of each site file, by the gateway it is for'),
  ...termsShape,
})
export type ConfigureInput = z.infer<typeof configureInput>

type Signed = TargetFile & { readonly wants: string }

/**
 * Begins to bring site files to gateways, stage after stage, each signed for its gateway and for what it takes the place of: the one in
 * force by the newest report. What they say is checked at each box, by its own program. Refuses (`not_found`, `conflict`) gateways that
 * cannot take one, and (`conflict`) while another update runs.
 */
export async function configureFleet(ctx: ServiceContext & { readonly signer: BundleSigner }, actor: Actor, { site, files, stages, settleSeconds, withinSeconds, reason }: ConfigureInput): Promise<FleetUpdateRow> {
  demand(actor, 'gateway.update', site)
  const named = files.map(({ gateway }) => gateway)
  const twice = named.find((gateway, at) => named.indexOf(gateway) !== at)
  if (twice !== undefined) refuse('invalid', `There are two site files for ${twice}; send the one that counts.`, { gateway: twice })
  const staged = stagesOf(named, stages)
  for (const gateway of staged.keys()) if (!named.includes(gateway)) refuse('invalid', `${gateway} is named in a stage, and no site file is for it; add its file, or take it out of the stage.`, { gateway })
  const { issue, signed } = await sign(ctx, actor, site, files)
  for (const [, { key, digest, sealed }] of signed) await ctx.objects.put('models', key, sealed, 'application/octet-stream', digest)
  return inSite(ctx.pool, site, (tx) => startFleetUpdate(tx, actor, {
    site, kind: 'site-file', version: `issue ${issue}`, program: null, file: null, settleSeconds, withinSeconds, reason, startedBy: actor.id, startedUs: ctx.nowUs(),
    targets: [...staged].flatMap(([gateway, stage]) => {
      const file = signed.get(gateway)
      return file ? [{ gateway, stage, wants: file.wants, file }] : []
    }),
  }, issue, { stages }))
}

/** Whoever may do this answers for what gateways read and where they send it: each issue is an audit entry, whose number the files bear. */
async function sign(ctx: ServiceContext & { readonly signer: BundleSigner }, actor: Actor, site: string, files: ConfigureInput['files']): Promise<{ issue: number; signed: Map<string, Signed & { readonly sealed: Uint8Array }> }> {
  return inSite(ctx.pool, site, async (tx) => {
    const known = new Map((await gatewaysToUpdate(tx, site)).map((one) => [one.gateway, one]))
    const drafts = files.map(({ gateway, text }) => ({ gateway, text, digest: sha256Hex(text), replaces: replacedAt(gateway, known.get(gateway)) }))
    const issue = await recordNumberedAudit(tx, { actor, verb: 'issue-site-files', subject: `site/${site}`, detail: { files: drafts.map(({ gateway, digest, replaces }) => ({ gateway, digest, replaces })), key: ctx.signer.keyId } })
    const atUs = ctx.nowUs()
    return { issue, signed: new Map(drafts.map(({ gateway, text, digest: wants, replaces }) => {
      const sealed = sealSiteFile(ctx.signer, { site, gateway, replaces, issue: { number: issue, atUs, by: actor.id } }, text)
      const digest = sha256Hex(sealed)
      return [gateway, { wants, digest, bytes: sealed.length, key: `site-files/${digest}.twc`, sealed }]
    })) }
  })
}

/** Digest of the site file in force there. */
function replacedAt(gateway: string, known: UpdatableGateway | undefined): string {
  if (!known) return refuse('not_found', `No gateway ${gateway} has reported at this site; GET /v1/gateways lists those it has.`, { gateway })
  const { siteFile } = known
  if (siteFile?.last === undefined) return refuse('conflict', `${gateway} takes no site file from here: its version knows of none, or it has no folder for its state (STATE_DIRECTORY). Update it, run it by its systemd unit, or change its file at the box.`, { gateway })
  if (siteFile.former) return refuse('conflict', `Another site file lies at ${gateway} and cannot be used: somebody is at work there. Have it mended at the box first.`, { gateway })
  if (siteFile.trial === true) return refuse('conflict', `${gateway} is trying a site file now; wait until it is in force or has gone back.`, { gateway })
  return siteFile.digest
}
