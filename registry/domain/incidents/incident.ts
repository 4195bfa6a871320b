import { DECIDING_FIGURES, JUDGING_PARTS } from '../replay/compare.ts'

/** What an incident can be about. A further kind says here what one trouble of its sort is. */
export const incidentKinds = ['replay-failed'] as const
export type IncidentKind = (typeof incidentKinds)[number]
export const incidentStates = ['open', 'acknowledged', 'closed'] as const
export type IncidentState = (typeof incidentStates)[number]

/** A replay that failed, as far as it tells what the trouble is. */
export interface FailedReplay {
  readonly asset: string
  readonly release: string
  readonly comparison: 'exact' | 'equivalent'
  /** What differs first. */
  readonly what: string
}

export interface Trouble {
  /** The same text, the same trouble. */
  readonly cause: string
  /** It lies in what judges: any machine may show it. */
  readonly ofRelease: boolean
}

/**
 * What a failed replay is put down to. A model or feature set that is no longer what was registered, and a runtime in which a
 * model's figures leave their tolerance, fail every machine alike: one trouble of the release. Everything else lies in what is stored
 * of one machine, where a changed reading shows as one feature in one window and as another in the next: one trouble of the two.
 */
export function troubleOf({ asset, release, comparison, what }: FailedReplay): Trouble {
  if (JUDGING_PARTS.includes(what)) return { cause: `release/${release}`, ofRelease: true }
  if (comparison === 'equivalent' && DECIDING_FIGURES.includes(what)) return { cause: `release/${release}/runtime`, ofRelease: true }
  return { cause: `release/${release}/asset/${asset}`, ofRelease: false }
}

/** In one sentence, for people; `asset` null: the trouble is the release's. */
export function incidentText({ asset, release, comparison, what }: Omit<FailedReplay, 'asset'> & { readonly asset: string | null }): string {
  if (asset !== null) return `What ${release} said of ${asset} does not replay: ${what} comes out otherwise`
  return comparison === 'equivalent' && !JUDGING_PARTS.includes(what) ? `What ${release} said does not replay in the runtime of now: ${what} leaves the model’s tolerance`
    : `What ${release} said does not replay: its ${what} is not what was registered`
}

export interface Answered {
  readonly state: IncidentState
  readonly closed: { readonly by: string; readonly at: string; readonly comment: string } | null
}
export type IncidentAnswer = { readonly to: 'acknowledged' | 'closed'; readonly by: string; readonly comment: string }

/** Whether an answer changes an incident; null: it was so before. A second finding beside the one that closed it is refused, so that none is lost silently. */
export function answerIncident({ state, closed }: Answered, { to, by, comment }: IncidentAnswer): { ok: true; change: IncidentAnswer['to'] | null } | { ok: false; message: string } {
  if (closed === null) return { ok: true, change: state === to ? null : to }
  if (to === 'closed' && closed.by === by && closed.comment === comment) return { ok: true, change: null }
  return { ok: false, message: `it was closed by ${closed.by} at ${closed.at}: ${closed.comment}. A replay that fails again opens a new one` }
}
