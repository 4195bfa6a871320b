import { canonicalJson } from '../canonical.ts'
import { refuse } from '../errors.ts'

/** Half-open [fromUs, toUs); null = until further notice. */
export interface Validity { readonly fromUs: number; readonly toUs: number | null }

/**
 * What held of a thing for a while. Facts decide what a reading means (unit, place, class); descriptions (a name, an
 * owner, spares) do not, so they may be put right without a new version.
 */
export interface Version extends Validity {
  readonly facts: Readonly<Record<string, unknown>>
  readonly descriptions: Readonly<Record<string, unknown>>
}

export type VersionChange =
  | { readonly do: 'open'; readonly version: Version }
  | { readonly do: 'close'; readonly fromUs: number; readonly toUs: number }
  | { readonly do: 'describe'; readonly fromUs: number; readonly descriptions: Version['descriptions'] }

const same = (a: unknown, b: unknown): boolean => canonicalJson(a) === canonicalJson(b)

/**
 * What a stated version changes in a thing's history: a changed fact closes the version that held at its `fromUs` and
 * opens a new one there; stating what holds already changes nothing. `toUs` null leaves the end as it is.
 *
 * Refuses (`conflict`) to rewrite history: other facts from the very same instant, or an overlap with what follows.
 */
export function planVersion(history: readonly Version[], stated: Version, where: string): VersionChange[] {
  if (stated.toUs !== null && stated.toUs <= stated.fromUs) refuse('invalid', `${where}: validTo must come after validFrom`, { where })
  const covering = history.find((v) => v.fromUs <= stated.fromUs && (v.toUs === null || stated.fromUs < v.toUs))
  const next = history.filter((v) => v.fromUs > stated.fromUs).sort((a, b) => a.fromUs - b.fromUs)[0]
  if (covering && same(covering.facts, stated.facts)) return changesOfSame(covering, stated, next, where)

  if (covering?.fromUs === stated.fromUs) {
    refuse('conflict', `${where}: other facts are recorded from the very same validFrom; what was measured keeps its meaning, `
      + 'so give the instant at which it changed', { where, recorded: covering.facts, stated: stated.facts })
  }
  checkEnd(stated, next, where)
  const opened: VersionChange = { do: 'open', version: { ...stated, toUs: stated.toUs ?? next?.fromUs ?? null } }
  return covering ? [{ do: 'close', fromUs: covering.fromUs, toUs: stated.fromUs }, opened] : [opened]
}

function changesOfSame(covering: Version, stated: Version, next: Version | undefined, where: string): VersionChange[] {
  const changes: VersionChange[] = []
  if (stated.toUs !== null && stated.toUs !== covering.toUs) {
    checkEnd(stated, next, where)
    changes.push({ do: 'close', fromUs: covering.fromUs, toUs: stated.toUs })
  }
  if (!same(covering.descriptions, stated.descriptions)) {
    // A description stated for an older version belongs to that version; the newest keeps its own.
    changes.push({ do: 'describe', fromUs: covering.fromUs, descriptions: stated.descriptions })
  }
  return changes
}

function checkEnd(stated: Version, next: Version | undefined, where: string): void {
  if (stated.toUs === null || !next || stated.toUs <= next.fromUs) return
  refuse('conflict', `${where}: validTo reaches into the version that follows; end it where that one begins, or leave validTo out`, {
    where, nextFromUs: next.fromUs,
  })
}

/** The history after the changes; what the store does with rows. */
export function applyChanges(history: readonly Version[], changes: readonly VersionChange[]): Version[] {
  let after = [...history]
  for (const change of changes) {
    if (change.do === 'open') after.push(change.version)
    else if (change.do === 'close') after = after.map((v) => (v.fromUs === change.fromUs ? { ...v, toUs: change.toUs } : v))
    else after = after.map((v) => (v.fromUs === change.fromUs ? { ...v, descriptions: change.descriptions } : v))
  }
  return after.sort((a, b) => a.fromUs - b.fromUs)
}
