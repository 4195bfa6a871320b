import { platformActor, demand, type Actor } from '../../domain/access/rights.ts'
import type { EventType } from '../../domain/contract/bus-event.ts'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { refuse } from '../../domain/errors.ts'
import { stepFleetUpdate, stopFleetUpdate, type FleetUpdate, type FleetUpdateState } from '../../domain/update/fleet.ts'
import { recordAudit } from '../../store/audit.ts'
import { insertOrder } from '../../store/gateway-commands.ts'
import { filesOfUpdate, lockFleetUpdate, noteOrder, putFleetUpdate, seenByUpdate, withdrawOrders, type FleetUpdateRow, type TargetFile } from '../../store/gateway-updates.ts'
import { announce } from '../../store/outbox.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import { signalWorkflow, workflowCalls } from '../../store/workflow-calls.ts'
import type { ServiceContext } from '../context.ts'
import { z } from 'zod'

const ACTOR = platformActor('gateway-updates')
/** Gateways report every quarter of a minute; who watches them for a shorter time than this looks more often. */
const LOOK_EVERY_US = 5_000_000
const LOOK_LEAST_US = 1_000_000

export interface FleetUpdateStanding {
  readonly state: FleetUpdateState
  readonly stage: number
  /** When it is to be looked at again; null once it has ended. */
  readonly wakeAtUs: number | null
}

/** What the gateways' reports do to an update, and what follows: orders, the next stage, its end. Safe to call at any time, by several at once. */
export async function tendFleetUpdate(ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, { site, update: updateId }: { site: string; update: string }): Promise<FleetUpdateStanding> {
  return inSite(ctx.pool, site, async (tx) => {
    const row = await lockFleetUpdate(tx, updateId)
    const nowUs = ctx.nowUs()
    const { update, order } = stepFleetUpdate(row, await seenByUpdate(tx, row), nowUs)
    if (update !== row) await change(tx, row, update, ACTOR, nowUs)
    const own = order.length > 0 ? await filesOfUpdate(tx, updateId) : new Map<string, TargetFile>()
    for (const gateway of order) {
      const wants = update.targets.find((target) => target.gateway === gateway)?.wants ?? ''
      const file = own.get(gateway) ?? row.file
      if (file === null) return refuse('invalid', `the update ${updateId} has no file for ${gateway}`)
      const { digest, bytes, key } = file
      const given = { site, gateway, about: { file: { bucket: 'models', key } }, requestedBy: row.startedBy, atUs: nowUs } as const
      await noteOrder(tx, updateId, gateway, row.kind === 'program' ? await insertOrder(tx, { ...given, kind: 'update', body: { digest, bytes, program: wants } })
        : await insertOrder(tx, { ...given, kind: 'configure', body: { digest, bytes, siteFile: wants } }))
    }
    return { state: update.state, stage: update.stage, wakeAtUs: update.state === 'running' ? nowUs + Math.max(LOOK_LEAST_US, Math.min(LOOK_EVERY_US, row.settleSeconds * 1e6)) : null }
  })
}

export const stopUpdateInput = z.object({ site: slugSchema, update: z.uuid(), reason: z.string().trim().min(1).max(2000) })

/**
 * Stops an update at once: no other gateway is told, and those that have not installed it yet get no file any more. Those that have it
 * keep it. Stopping what is stopped changes nothing; refuses (`conflict`) one that has ended otherwise.
 */
export async function stopUpdate(ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, actor: Actor, { site, update: updateId, reason }: z.infer<typeof stopUpdateInput>): Promise<FleetUpdateRow> {
  demand(actor, 'gateway.update', site)
  return inSite(ctx.pool, site, async (tx) => {
    const row = await lockFleetUpdate(tx, updateId)
    if (row.state === 'stopped') return row
    if (row.state !== 'running') refuse('conflict', `This update has ended already: ${row.state}${row.endedBecause === null ? '' : ` (${row.endedBecause})`}. To take gateways back, bring them what they had before.`, { state: row.state })
    const nowUs = ctx.nowUs()
    const stopped = stopFleetUpdate(row, reason)
    await change(tx, row, stopped, actor, nowUs)
    await signalWorkflow(tx, site, workflowCalls.fleetUpdate(updateId), workflowCalls.signals.fleetUpdateChanged, `gateway-update/${updateId}/stopped`)
    return { ...row, ...stopped, endedUs: nowUs, endedBy: actor.id }
  })
}

const TOLD: Readonly<Record<FleetUpdateState, { verb: string; event: EventType }>> = {
  running: { verb: 'advance-gateway-update', event: 'gateway-update.advanced' },
  completed: { verb: 'complete-gateway-update', event: 'gateway-update.completed' },
  stopped: { verb: 'stop-gateway-update', event: 'gateway-update.stopped' },
  failed: { verb: 'fail-gateway-update', event: 'gateway-update.failed' },
}

/** The row, and audit and event where a stage or the whole came to its end. */
async function change(tx: Tx, before: FleetUpdateRow, after: FleetUpdate, actor: Actor, atUs: number): Promise<void> {
  const { updateId, site, kind, version } = before
  await putFleetUpdate(tx, before, after, { id: actor.id, atUs })
  if (after.state !== 'running') await withdrawOrders(tx, updateId, 'the update was stopped before this gateway had it', atUs)
  if (after.state === before.state && after.stage === before.stage) return
  const { verb, event } = TOLD[after.state]
  const of = (state: string) => after.targets.filter((target) => target.state === state).map(({ gateway }) => gateway)
  const data = { update: updateId, kind, version, stage: after.stage, because: after.endedBecause, done: of('done'), failed: of('failed'), waiting: of('waiting') }
  await recordAudit(tx, { actor, verb, subject: `gateway-update/${updateId}`, detail: data })
  await announce(tx, { site, id: `gateway-update/${updateId}/${after.state}/${after.stage}`, type: event, atUs, data: { ...data, by: actor.id } })
}
