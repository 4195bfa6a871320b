import { usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export type Verdict = 'confirmed' | 'false-alarm' | 'unclear'

/** Stores what one person found; says when that person has spoken about the alert before, and how. */
export async function insertFeedback(tx: Tx, feedback: {
  site: string; alertId: string; verdict: Verdict; failureMode: string | null; note: string; givenBy: string; nowUs: number
}): Promise<{ feedbackId: string; verdict: Verdict; known: boolean }> {
  const made = await tx.query<{ feedback_id: string }>(
    `insert into feedback (site_id, alert_id, verdict, failure_mode, note, given_by, given_at)
     values ($1, $2, $3, $4, $5, $6, ${usToTimestamp('$7')}) on conflict (alert_id, given_by) do nothing returning feedback_id`,
    [feedback.site, feedback.alertId, feedback.verdict, feedback.failureMode, feedback.note, feedback.givenBy, feedback.nowUs],
  )
  if (made.rows[0]) return { feedbackId: made.rows[0].feedback_id, verdict: feedback.verdict, known: false }
  const { rows } = await tx.query<{ feedback_id: string; verdict: Verdict }>(
    'select feedback_id, verdict from feedback where alert_id = $1 and given_by = $2', [feedback.alertId, feedback.givenBy],
  )
  const before = rows[0] as { feedback_id: string; verdict: Verdict }
  return { feedbackId: before.feedback_id, verdict: before.verdict, known: true }
}
