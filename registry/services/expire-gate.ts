import { platformActor } from '../domain/access/rights.ts'
import type { GateState } from '../domain/gates/gate.ts'
import { decideGate as step } from '../domain/gates/gate.ts'
import { assignmentByRequest } from '../store/assignments.ts'
import { lockGate, toMachine } from '../store/gates.ts'
import { inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'
import { closeGate } from './gate-closing.ts'

export interface GateStanding { readonly state: GateState | 'collecting'; readonly assignment: string | null; readonly expiresAtUs: number }

/** What the clock does to a gate: expires it when its time has come; else tells how it stands. Safe to call at any time. */
export async function expireGate(ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, input: { site: string; gate: string }): Promise<GateStanding> {
  return inSite(ctx.pool, input.site, async (tx) => {
    const row = await lockGate(tx, input.gate)
    const assignment = (await assignmentByRequest(tx, row.site, `gate:${row.gateId}`))?.assignmentId ?? null
    const machine = await toMachine(tx, row, [])
    const waiting = row.state === 'collecting' || row.state === 'open'
    if (!waiting) return { state: row.state, assignment, expiresAtUs: row.expiresAtUs }
    const result = step({ ...machine, state: 'open' }, { kind: 'tick' }, ctx.nowUs())
    if (!result.ok || !result.outcome.changed) return { state: row.state, assignment, expiresAtUs: row.expiresAtUs }
    const because = result.gate.closedBecause ?? null
    await closeGate(tx, row, { state: 'expired', by: platformActor('gates'), because, nowUs: ctx.nowUs() })
    return { state: 'expired', assignment, expiresAtUs: row.expiresAtUs }
  })
}
