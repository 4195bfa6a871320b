/**
 * How far a waiting gate has been escalated by a wall time (the first step is 1; 0: not yet), and when the next step is
 * due. Counted from when the change was first asked for, so that whoever takes a gate over escalates at the same times.
 */
export function escalationAt(steps: readonly { readonly afterSeconds: number }[], sinceUs: number, nowUs: number): { level: number; nextUs: number | null } {
  const dueUs = steps.map((step) => sinceUs + step.afterSeconds * 1_000_000)
  const level = dueUs.filter((atUs) => atUs <= nowUs).length
  return { level, nextUs: dueUs[level] ?? null }
}

/** A review that stays overdue is told of again after so long where the rules remind nobody. */
const DAY_SECONDS = 86_400

/** The same of a review that is overdue: told of when its time is over, and again at each reminder. */
export function overdueAt(dueUs: number, remindEverySeconds: number | null, nowUs: number): { level: number; nextUs: number } {
  const everyUs = (remindEverySeconds ?? DAY_SECONDS) * 1_000_000
  const level = nowUs < dueUs ? 0 : 1 + Math.floor((nowUs - dueUs) / everyUs)
  return { level, nextUs: dueUs + level * everyUs }
}
