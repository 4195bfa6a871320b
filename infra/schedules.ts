import { ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy, type Client, type ScheduleOptions } from '@temporalio/client'
import { driftSettingsSchema } from '../registry/domain/drift/settings.ts'
import type { Pool } from '../registry/store/pool.ts'
import { ALL_SITES, inSite } from '../registry/store/transaction.ts'
import { taskQueues } from '../workflows/ids.ts'
import { workflowTypes, type CheckDriftInput } from '../workflows/messages.ts'

export interface DriftSchedule { readonly site: string; readonly family: string; readonly everySeconds: number }

export const driftScheduleId = (site: string, family: string): string => `drift/${site}/${family}`

/** How often each family is looked at; settings that do not fit count as the defaults (the check itself will refuse them). */
export async function readDriftSchedules(pool: Pool): Promise<DriftSchedule[]> {
  return inSite(pool, ALL_SITES, async (tx) => {
    const { rows } = await tx.query<{ site_id: string; family_id: string; drift: unknown }>('select site_id, family_id, drift from family order by 1, 2')
    return rows.map((row) => {
      const settings = driftSettingsSchema.safeParse(row.drift)
      return { site: row.site_id, family: row.family_id, everySeconds: (settings.data ?? driftSettingsSchema.parse({})).everySeconds }
    })
  })
}

/**
 * Makes Temporal's schedules what the families say: creates, changes and (0 seconds) deletes. Safe to call again and by
 * two at once. A schedule that somebody paused stays paused.
 */
export async function ensureSchedules(client: Client, schedules: readonly DriftSchedule[]): Promise<void> {
  for (const schedule of schedules) await ensureSchedule(client, schedule)
}

async function ensureSchedule(client: Client, schedule: DriftSchedule): Promise<void> {
  const { site, family, everySeconds } = schedule
  const scheduleId = driftScheduleId(site, family)
  if (everySeconds === 0) {
    await client.schedule.getHandle(scheduleId).delete().catch((error: unknown) => {
      if (!(error instanceof ScheduleNotFoundError)) throw error
    })
    return
  }
  const input: CheckDriftInput = { site, operationId: null, family, requestedBy: 'twinward:schedule', mayRetrain: true }
  const options = {
    scheduleId,
    spec: { intervals: [{ every: everySeconds * 1000, offset: offsetOf(scheduleId, everySeconds) }] },
    action: { type: 'startWorkflow', workflowType: workflowTypes.checkDrift, workflowId: `${scheduleId}/run`, taskQueue: taskQueues.main, args: [input] },
    policies: {
      overlap: ScheduleOverlapPolicy.SKIP,
      // What was missed while everything was down is not made up for: the next check sees the same windows.
      catchupWindow: '1 minute',
    },
  } satisfies ScheduleOptions
  const handle = client.schedule.getHandle(scheduleId)
  try {
    const { spec, action } = await handle.describe()
    const every = spec.intervals?.[0]?.every
    if (every === everySeconds * 1000 && action.workflowType === workflowTypes.checkDrift) return
    await handle.update((previous) => ({ ...options, state: previous.state }))
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error
    await client.schedule.create(options).catch((raced: unknown) => {
      if (!(raced instanceof ScheduleAlreadyRunning)) throw raced
    })
  }
}

/** Spreads the families over the interval, so that a hundred of them do not start in one second. */
function offsetOf(scheduleId: string, everySeconds: number): number {
  let hash = 0
  for (const letter of scheduleId) hash = (Math.imul(hash, 31) + letter.charCodeAt(0)) >>> 0
  return (hash % everySeconds) * 1000
}
