import type { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { maintenanceEventSchema } from '../domain/contract/maintenance.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { isoToMicros } from '../domain/contract/time.ts'
import { refuse } from '../domain/errors.ts'
import { recordAudit } from '../store/audit.ts'
import { proposeLabel } from '../store/labels.ts'
import { insertMaintenance } from '../store/maintenance.ts'
import { announce } from '../store/outbox.ts'
import { assetRefs } from '../store/plant.ts'
import { inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

export const recordMaintenanceInput = maintenanceEventSchema.extend({ site: slugSchema })
export type RecordMaintenanceInput = z.infer<typeof recordMaintenanceInput>

/** What maintenance did or found. A failure proposes a label; the very same event recorded again changes nothing. */
export async function recordMaintenance(
  ctx: ServiceContext, actor: Actor, input: RecordMaintenanceInput,
): Promise<{ maintenance: string; label: string | null; repeated: boolean }> {
  demand(actor, 'maintenance.write', input.site)
  const fromUs = isoToMicros(input.start)
  const toUs = input.end === null ? null : isoToMicros(input.end)
  if (toUs !== null && toUs < fromUs) refuse('invalid', 'end lies before start', { start: input.start, end: input.end })
  return inSite(ctx.pool, input.site, async (tx) => {
    const assetRef = (await assetRefs(tx, input.site)).get(input.asset)
      ?? refuse('not_found', `site ${input.site} has no asset ${input.asset}`, { asset: input.asset })
    const { maintenanceId, repeated } = await insertMaintenance(tx, { ...input, assetRef, fromUs, toUs, recordedBy: actor.id })
    if (repeated) return { maintenance: maintenanceId, label: null, repeated }
    const label = input.kind === 'failure'
      ? await proposeLabel(tx, {
        site: input.site, assetRef, fromUs, toUs: toUs ?? fromUs, value: 'faulty', failureMode: input.failureMode, sourceKind: 'maintenance', sourceId: maintenanceId,
      })
      : null
    const { site, ...detail } = input
    await recordAudit(tx, { actor, verb: 'record-maintenance', subject: `asset/${input.asset}`, detail: { ...detail, maintenance: maintenanceId, label } })
    await announce(tx, { id: `maintenance/${maintenanceId}`, type: 'maintenance.recorded', atUs: ctx.nowUs(), data: { maintenance: maintenanceId, ...detail }, site })
    return { maintenance: maintenanceId, label, repeated }
  })
}
