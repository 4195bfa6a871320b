import type { RefusedRelease } from './windows/judges.ts'
import { closeDueWindows } from './windows/close.ts'
import { createDefinitions } from './windows/definitions.ts'
import type { WindowDeps } from './windows/deps.ts'
import { reviseLateWindows, type Revising } from './windows/revise.ts'

export interface CloseWindowsInput { site: string; batchIds: string[] }
export interface CloseWindowsResult { windows: number; scores: number; late: number }

export interface WindowActivities {
  /** Closes what the committed batches made due; safe to repeat. */
  closeWindows(input: CloseWindowsInput): Promise<CloseWindowsResult>
  /** Makes revisions of late windows whose quiet period is over; to be called until it takes none. */
  reviseWindows(input: { site: string }): Promise<Revising>
}

export function createWindowActivities(given: Omit<WindowDeps, 'definitions'>): WindowActivities {
  const deps: WindowDeps = { ...given, definitions: createDefinitions() }
  return {
    async closeWindows({ site, batchIds }) {
      const { refused, ...counts } = await closeDueWindows(deps, site, batchIds)
      for (const refusal of refused) logRefusal(deps, site, refusal)
      return counts
    },
    reviseWindows: ({ site }) => reviseLateWindows(deps, site),
  }
}

/** Loud, but no failure of the closing: other families' windows close, and these catch up once the model is put right. */
function logRefusal(deps: WindowDeps, site: string, { release, role, refusal }: RefusedRelease): void {
  deps.log.error(
    { site, release: release.releaseId, role, code: refusal.code, artifact: release.model.artifactKey },
    role === 'champion'
      ? `${release.releaseId} cannot judge, its windows stay open: ${refusal.message}`
      : `${release.releaseId} (${role}) cannot score: ${refusal.message}`,
  )
}
