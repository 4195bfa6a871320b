import { demand, type Actor } from '../../domain/access/rights.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import type { FleetUpdateKind, FleetUpdateState, TargetState } from '../../domain/update/fleet.ts'
import { listFleetUpdates, readFleetUpdate, type FleetUpdateRow } from '../../store/gateway-updates.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { ofSite } from './rows.ts'

export interface FleetUpdateView {
  readonly id: string
  readonly site: string
  readonly kind: FleetUpdateKind
  readonly version: string
  readonly program: string | null
  readonly state: FleetUpdateState
  readonly stage: number
  readonly stages: number
  readonly stageSince: string
  readonly settleSeconds: number
  readonly withinSeconds: number
  readonly reason: string
  readonly startedBy: string
  readonly startedAt: string
  readonly endedBy: string | null
  readonly endedAt: string | null
  readonly endedBecause: string | null
  readonly gateways: readonly { readonly gateway: string; readonly stage: number; readonly wants: string; readonly state: TargetState; readonly orderedAt: string | null; readonly wellSince: string | null; readonly detail: string | null }[]
}

const isoOf = (us: number | null): string | null => (us === null ? null : microsToIso(us))

export const viewOfUpdate = ({ updateId, site, kind, version, program, state, stage, stageSinceUs, settleSeconds, withinSeconds, reason, startedBy, startedUs, endedBy, endedUs, endedBecause, targets }: FleetUpdateRow): FleetUpdateView => ({
  id: updateId, site, kind, version, program, state, stage, stages: Math.max(...targets.map((target) => target.stage)) + 1, stageSince: microsToIso(stageSinceUs), settleSeconds, withinSeconds, reason,
  startedBy, startedAt: microsToIso(startedUs), endedBy, endedAt: isoOf(endedUs), endedBecause,
  gateways: targets.map(({ orderedUs, wellSinceUs, ...target }) => ({ ...target, orderedAt: isoOf(orderedUs), wellSince: isoOf(wellSinceUs) })),
})

/** Updates of gateways, newest first. `site` may be `*`. */
export async function listUpdates(ctx: ServiceContext, actor: Actor, input: PageInput & { site: string }): Promise<Page<FleetUpdateView>> {
  demand(actor, 'read', input.site)
  const before = decodeCursor(input.cursor, ['number', 'string'])
  const rows = await inSite(ctx.pool, input.site, (tx) => listFleetUpdates(tx, ofSite(tx, 'u.site_id'), before, input.limit + 1))
  return toPage(rows, input.limit, viewOfUpdate, (row) => [row.startedUs, row.updateId])
}

export async function getUpdate(ctx: ServiceContext, actor: Actor, { site, update }: { site: string; update: string }): Promise<FleetUpdateView> {
  demand(actor, 'read', site)
  return viewOfUpdate(await inSite(ctx.pool, site, (tx) => readFleetUpdate(tx, update)))
}
