import { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import type { BundleSigner } from '../../domain/bundle/seal.ts'
import { sha256Hex } from '../../domain/canonical.ts'
import { sha256Schema, slugSchema } from '../../domain/contract/primitives.ts'
import { refuse } from '../../domain/errors.ts'
import { stagesOf } from '../../domain/update/fleet.ts'
import { programName, type UpdateManifest } from '../../domain/update/manifest.ts'
import { MAX_UPDATE_BYTES, openUpdate } from '../../domain/update/open.ts'
import { refuseUpdate } from '../../domain/update/refusal.ts'
import { gatewaysToUpdate, type FleetUpdateRow, type UpdatableGateway } from '../../store/gateway-updates.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { startFleetUpdate } from './start.ts'
import { termsShape } from './terms.ts'
import { readPieces, removePieces } from './put-piece.ts'

export const beginUpdateInput = z.object({
  site: slugSchema,
  file: z.object({ digest: sha256Schema, bytes: z.int().min(1).max(MAX_UPDATE_BYTES) }),
  ...termsShape,
})
export type BeginUpdateInput = z.infer<typeof beginUpdateInput>

/**
 * Begins to bring an update to the gateways of a site, stage after stage. Refuses (`not_found`) what was not sent, (`digest_mismatch`)
 * what is not what was named or not signed by this platform, (`conflict`) while another one runs or where a gateway that is named
 * cannot take it.
 */
export async function beginFleetUpdate(ctx: ServiceContext & { readonly signer: BundleSigner }, actor: Actor, { site, file, stages, settleSeconds, withinSeconds, reason }: BeginUpdateInput): Promise<FleetUpdateRow> {
  demand(actor, 'gateway.update', site)
  const bytes = await readPieces(ctx.objects, file)
  if (sha256Hex(bytes) !== file.digest) refuse('digest_mismatch', 'What was sent in pieces is not the file that is named; send it again.', { digest: file.digest })
  const { manifest, digest, payload } = openUpdate(bytes, (keyId, body, signature) => (keyId !== ctx.signer.keyId ? 'unknown_key' : sameBytes(ctx.signer.sign(body), signature) ? 'good' : 'bad'))
  if (sha256Hex(payload) !== manifest.payload.digest) refuseUpdate('changed', 'This update is not what was signed (its files): it was changed or damaged since. Make it again with "twinward edge package"; no gateway was told of this one.')
  const program = programName(manifest, digest)
  const key = `updates/${file.digest}.twu`
  await ctx.objects.put('models', key, bytes, 'application/octet-stream', file.digest)
  const begun = await inSite(ctx.pool, site, async (tx) => {
    const targets = targetsOf(await gatewaysToUpdate(tx, site), manifest, stages)
    return startFleetUpdate(tx, actor, {
      site, kind: 'program', version: manifest.version, program, file: { ...file, key }, settleSeconds, withinSeconds, reason, startedBy: actor.id, startedUs: ctx.nowUs(),
      targets: [...targets].map(([gateway, stage]) => ({ gateway, stage, wants: program })),
    }, manifest.issue.number, { stages, file: file.digest })
  })
  // It has begun whether that works or not; the store removes them after some days.
  await removePieces(ctx.objects, file).catch(() => {})
  return begun
}

function targetsOf(gateways: readonly Pick<UpdatableGateway, 'gateway' | 'program'>[], manifest: UpdateManifest, stages: BeginUpdateInput['stages']): Map<string, number> {
  const fits = ({ program }: Pick<UpdatableGateway, 'program'>) => program !== null && program.platform === manifest.platform && program.arch === manifest.arch
  const named = [...new Set(stages.flatMap((stage) => (typeof stage === 'number' ? [] : stage)))]
  for (const name of named) {
    const known = gateways.find(({ gateway }) => gateway === name)
    if (!known) refuse('not_found', `No gateway ${name} has reported at this site; GET /v1/gateways lists those it has.`, { gateway: name })
    if (known.program === null) refuse('conflict', `${name} runs without a launcher, so nothing could go back by itself: update it by hand, with the unit of the new version (docs/gateway-updates.md).`, { gateway: name })
    if (!fits(known)) refuse('conflict', `${name} is ${known.program.platform}/${known.program.arch}, and this update is for ${manifest.platform}/${manifest.arch}; make one for it with "twinward edge package" on such a machine.`, { gateway: name })
  }
  const targets = stagesOf(gateways.filter(fits).map(({ gateway }) => gateway), stages)
  if (targets.size === 0) refuse('conflict', `No gateway of this site can take an update for ${manifest.platform}/${manifest.arch}: none that reports runs by a launcher on such a machine.`, { platform: manifest.platform, arch: manifest.arch })
  return targets
}

/** An Ed25519 signature is the same each time (RFC 8032, 5.1.6). */
const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i])
