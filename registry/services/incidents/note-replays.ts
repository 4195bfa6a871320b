import type { Actor } from '../../domain/access/rights.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { troubleOf, type FailedReplay, type Trouble } from '../../domain/incidents/incident.ts'
import { STATE_BEFORE, type Difference } from '../../domain/replay/compare.ts'
import { recordAudit } from '../../store/audit.ts'
import { markGoodAgain, putFailedWindows, readIncident, seeIncident } from '../../store/incidents.ts'
import { appendLedger } from '../../store/ledger.ts'
import { announce } from '../../store/outbox.ts'
import type { Tx } from '../../store/transaction.ts'
import { factsOf } from './facts.ts'

/** A window whose replay failed, and where it differs first. */
export interface FailedWindow extends Omit<FailedReplay, 'what'> {
  readonly scoreId: string
  readonly windowEndUs: number
  readonly assetRef: number
  readonly releaseRef: number
  readonly runtime: { readonly then: string; readonly now: string }
  readonly difference: Difference
}

/** One that came out well; `chained`: also what it went on from was held against the window before. */
export interface GoodWindow { readonly scoreId: string; readonly chained: boolean }

export interface IncidentSeen { readonly id: string; /** Otherwise it was open before. */ readonly opened: boolean }

/**
 * Notes what came of replays, in their transaction: each trouble opens an incident, or counts towards the one that is open; windows
 * of open incidents that came out well are marked so, and close nothing. An incident that opens is audited, announced and in the ledger.
 */
export async function noteReplays(
  tx: Tx, actor: Actor, { site, failed, good, nowUs }: { site: string; failed: readonly FailedWindow[]; good: readonly GoodWindow[]; nowUs: number },
): Promise<IncidentSeen[]> {
  if (good.length > 0) await markGoodAgain(tx, good, STATE_BEFORE, nowUs)
  const seen: IncidentSeen[] = []
  // In one order for everybody: two replays of the same machines wait for each other rather than in a ring.
  for (const { cause, ofRelease, first, windows } of troublesOf(failed).sort((a, b) => (a.cause < b.cause ? -1 : 1))) {
    const { scoreId, windowEndUs, assetRef, releaseRef, comparison, runtime, difference } = first
    const { incidentId, opened } = await seeIncident(tx, {
      site, kind: 'replay-failed', cause, assetRef: ofRelease ? null : assetRef, releaseRef, by: actor.id, nowUs,
      first: { scoreId, windowEnd: microsToIso(windowEndUs), ...difference, comparison, runtime },
    })
    await putFailedWindows(tx, { site, incidentId, nowUs }, windows.map((window) => ({ scoreId: window.scoreId, what: window.difference.what })))
    if (opened) await tellOpened(tx, actor, incidentId, nowUs)
    seen.push({ id: incidentId, opened })
  }
  return seen
}

interface Shown extends Trouble { readonly first: FailedWindow; readonly windows: FailedWindow[] }

function troublesOf(failed: readonly FailedWindow[]): Shown[] {
  const troubles = new Map<string, Shown>()
  for (const window of failed) {
    const trouble = troubleOf({ ...window, what: window.difference.what })
    const shown = troubles.get(trouble.cause)
    if (shown === undefined) troubles.set(trouble.cause, { ...trouble, first: window, windows: [window] })
    else shown.windows.push(window)
  }
  return [...troubles.values()]
}

async function tellOpened(tx: Tx, actor: Actor, incidentId: string, nowUs: number): Promise<void> {
  const row = await readIncident(tx, incidentId)
  const [subject, body] = [`incident/${incidentId}`, factsOf(row)]
  await appendLedger(tx, { kind: 'incident.opened', subject, actor, body, site: row.site })
  await recordAudit(tx, { actor, verb: 'open-incident', subject, detail: body, site: row.site })
  await announce(tx, { id: `${subject}/opened`, type: 'incident.opened', atUs: nowUs, data: { ...body, by: actor.id }, site: row.site })
}
