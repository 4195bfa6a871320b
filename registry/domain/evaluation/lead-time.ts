import { refuse } from '../errors.ts'

const HOUR_US = 3_600_000_000
/** A mean month: 365.25 / 12 days. */
const MONTH_US = (365.25 / 12) * 24 * HOUR_US

export interface AssetEvent {
  asset: string
  atUs: number
}

/** One alert episode; open for [raisedUs, closedUs]. */
export interface Episode {
  asset: string
  raisedUs: number
  closedUs: number
}

export interface LeadTimeProtocol {
  /** An alert speaks of failures within this time; one without any is false. */
  horizonUs: number
  /** A failure is caught when the lead is at least this; with less, the alert came late. */
  minimumLeadUs: number
}

/** 24 h ≤ lead ≤ 168 h, as usual for the Azure predictive-maintenance set. */
export const weekAheadProtocol: LeadTimeProtocol = { horizonUs: 168 * HOUR_US, minimumLeadUs: 24 * HOUR_US }

/**
 * One episode per asset at a time: a flag opens it, later flags while it is open belong to it, and it closes after
 * `openUs` or at the asset's next closing event (failure or replacement), whichever comes first. A flag at the very
 * time of a closing event opens nothing: it would report what has just been dealt with.
 */
export function episodesFromFlags(
  flags: readonly AssetEvent[], closers: readonly AssetEvent[], openUs: number,
): Episode[] {
  const closing = timesByAsset(closers)
  const episodes: Episode[] = []
  for (const [asset, times] of timesByAsset(flags)) {
    const closes = closing.get(asset) ?? []
    let next = 0
    let openUntil = -Infinity
    for (const raisedUs of times) {
      while (next < closes.length && (closes[next] as number) < raisedUs) next++
      if (closes[next] === raisedUs || raisedUs <= openUntil) continue
      openUntil = Math.min(raisedUs + openUs, closes[next] ?? Infinity)
      episodes.push({ asset, raisedUs, closedUs: openUntil })
    }
  }
  return episodes
}

export interface FailureOutcome extends AssetEvent {
  outcome: 'caught' | 'late' | 'missed'
  /** From the first episode that was open at the failure to the failure; null when missed. */
  leadUs: number | null
}

export interface LeadTimeReport {
  protocol: LeadTimeProtocol
  failures: number
  caught: number
  late: number
  missed: number
  episodes: number
  falseEpisodes: number
  /** Episodes whose horizon reaches beyond the end of the observation without a failure: neither right nor false. */
  undecidedEpisodes: number
  falsePerAssetMonth: number | null
  /** Quantiles of all leads in hours, late ones included; null without any. One hour of latency may change "caught". */
  leadHours: { min: number; p25: number; median: number; p75: number; max: number } | null
  /** Failures caught if the least lead were this many hours: the whole picture beside the one threshold. */
  caughtAtLeast: { hours: number; caught: number }[]
  outcomes: FailureOutcome[]
}

/**
 * Judges episodes against failures. An episode speaks for a failure of its asset when it was raised at most `horizonUs`
 * before and was not closed before it; the first such gives the lead. `observed` says for how long each asset was
 * watched: what lies outside is refused (`invalid`), since it would bend the rates.
 */
export function leadTimeReport(
  episodes: readonly Episode[], failures: readonly AssetEvent[],
  observed: readonly { asset: string; fromUs: number; toUs: number }[], protocol: LeadTimeProtocol = weekAheadProtocol,
): LeadTimeReport {
  const spans = new Map(observed.map((span) => [span.asset, span]))
  for (const { asset, atUs } of [...failures, ...episodes.map((e) => ({ asset: e.asset, atUs: e.raisedUs }))]) {
    const span = spans.get(asset)
    if (span === undefined || atUs < span.fromUs || atUs > span.toUs) {
      refuse('invalid', `asset "${asset}" has an event at ${atUs} µs outside the time it was observed; `
        + 'cut events to the evaluation period', { asset, atUs })
    }
  }
  const episodesOf = byAsset([...episodes].sort((a, b) => a.raisedUs - b.raisedUs))
  const failureTimes = timesByAsset(failures)

  const outcomes = failures.map(({ asset, atUs }): FailureOutcome => {
    const first = episodesOf.get(asset)?.find(
      (e) => e.raisedUs <= atUs && atUs <= e.closedUs && atUs - e.raisedUs <= protocol.horizonUs)
    if (first === undefined) return { asset, atUs, outcome: 'missed', leadUs: null }
    const leadUs = atUs - first.raisedUs
    return { asset, atUs, outcome: leadUs >= protocol.minimumLeadUs ? 'caught' : 'late', leadUs }
  })
  let falseEpisodes = 0
  let undecidedEpisodes = 0
  for (const { asset, raisedUs } of episodes) {
    const until = raisedUs + protocol.horizonUs
    if (failureTimes.get(asset)?.some((t) => t >= raisedUs && t <= until)) continue
    if (until > (spans.get(asset)?.toUs ?? 0)) undecidedEpisodes++
    else falseEpisodes++
  }
  const months = observed.reduce((sum, span) => sum + (span.toUs - span.fromUs), 0) / MONTH_US
  const leads = outcomes.flatMap((o) => (o.leadUs === null ? [] : [o.leadUs / HOUR_US])).sort((a, b) => a - b)
  const count = (outcome: FailureOutcome['outcome']) => outcomes.filter((o) => o.outcome === outcome).length
  return {
    protocol,
    failures: failures.length,
    caught: count('caught'),
    late: count('late'),
    missed: count('missed'),
    episodes: episodes.length,
    falseEpisodes,
    undecidedEpisodes,
    falsePerAssetMonth: months > 0 ? falseEpisodes / months : null,
    leadHours: leads.length === 0 ? null : spread(leads),
    caughtAtLeast: [1, 12, 24, 48, 72].map((hours) => ({ hours, caught: leads.filter((lead) => lead >= hours).length })),
    outcomes,
  }
}

function spread(sorted: readonly number[]) {
  const at = (p: number) => sorted[Math.round(p * (sorted.length - 1))] as number
  return { min: at(0), p25: at(0.25), median: at(0.5), p75: at(0.75), max: at(1) }
}

function timesByAsset(events: readonly AssetEvent[]): Map<string, number[]> {
  const sorted = [...events].sort((a, b) => a.atUs - b.atUs)
  return new Map([...byAsset(sorted)].map(([asset, group]) => [asset, group.map((event) => event.atUs)]))
}

function byAsset<T extends { asset: string }>(items: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(item.asset)
    if (group === undefined) groups.set(item.asset, [item])
    else group.push(item)
  }
  return groups
}
