import { demand, type Actor } from '../../domain/access/rights.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { guardText, type GuardReading } from '../../domain/rollout/guards.ts'
import { dwellUs, minWindowsOf, stagesOf, type RolloutPlan, type RolloutStage } from '../../domain/rollout/plan.ts'
import type { RolloutState } from '../../domain/rollout/rollout.ts'
import { checksOf, readRollout, rolloutColumns, rolloutFrom, toRollout, type RolloutColumns, type RolloutRow } from '../../store/rollouts.ts'
import { usToTimestamp } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { ofSite } from './rows.ts'

export interface RolloutView {
  /** The gate's that let it begin. */
  readonly id: string
  readonly site: string
  readonly family: string
  readonly scope: string
  readonly release: string
  /** The champion it began beside; null: none. */
  readonly former: string | null
  readonly state: RolloutState
  readonly stage: RolloutStage
  readonly stages: readonly RolloutStage[]
  readonly startedAt: string
  readonly stageSince: string
  /** When the stage has lasted long enough. */
  readonly stageThrough: string
  readonly minWindows: number
  /** Waits for somebody to say that the next stage may begin. */
  readonly ready: boolean
  readonly endedAt: string | null
  readonly endedBy: string | null
  readonly endedBecause: string | null
}

export interface GuardView extends GuardReading { readonly text: string }
export interface RolloutDetail extends RolloutView {
  readonly plan: RolloutPlan
  /** What the guards saw, oldest first. */
  readonly checks: readonly { readonly stage: RolloutStage; readonly at: string; readonly windows: number; readonly readings: readonly GuardView[] }[]
}

export interface RolloutsInput extends PageInput { readonly site: string; readonly family?: string | undefined; readonly state?: RolloutState | undefined }

/** Rollouts, newest first. `site` may be `*`. */
export async function listRollouts(ctx: Pick<ServiceContext, 'pool'>, actor: Actor, input: RolloutsInput): Promise<Page<RolloutView>> {
  demand(actor, 'read', input.site)
  const [beforeUs, beforeId] = decodeCursor(input.cursor, ['number', 'string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<RolloutColumns>(
    `select ${rolloutColumns} from ${rolloutFrom}
     where ${ofSite(tx, 'o.site_id')} and ($1::text is null or o.family_id = $1) and ($2::text is null or o.state = $2)
       and ($3::bigint is null or (o.started_at, o.rollout_id) < (${usToTimestamp('$3')}, $4::uuid))
     order by o.started_at desc, o.rollout_id desc limit $5`, [input.family ?? null, input.state ?? null, beforeUs, beforeId, input.limit + 1])).rows)
  return toPage(rows.map(toRollout), input.limit, viewOf, (row) => [row.startedUs, row.rolloutId])
}

/** One rollout with its plan and what its guards saw. Refuses (`not_found`). */
export async function getRollout(ctx: Pick<ServiceContext, 'pool'>, actor: Actor, input: { site: string; rollout: string }): Promise<RolloutDetail> {
  demand(actor, 'read', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const row = await readRollout(tx, input.rollout)
    return {
      ...viewOf(row), plan: row.plan,
      checks: (await checksOf(tx, row.rolloutId)).map(({ stage, atUs, windows, readings }) => (
        { stage, at: microsToIso(atUs), windows, readings: readings.map((reading) => ({ ...reading, text: guardText(reading) })) })),
    }
  })
}

function viewOf(row: RolloutRow): RolloutView {
  return {
    id: row.rolloutId, site: row.site, family: row.family, scope: `${row.scope.kind}:${row.scope.id}`, release: row.release, former: row.former?.release ?? null,
    state: row.state, stage: row.stage, stages: stagesOf(row.plan), startedAt: microsToIso(row.startedUs), stageSince: microsToIso(row.stageSinceUs),
    stageThrough: microsToIso(row.stageSinceUs + dwellUs(row.plan, row.stage)), minWindows: minWindowsOf(row.plan, row.stage), ready: row.state === 'running' && row.readyUs !== undefined,
    endedAt: row.endedUs === undefined ? null : microsToIso(row.endedUs), endedBy: row.endedBy ?? null, endedBecause: row.endedBecause ?? null,
  }
}
