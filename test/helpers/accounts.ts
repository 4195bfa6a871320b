import assert from 'node:assert/strict'

/** Whole numbers from `first` to `last`, both included. */
export interface Run { readonly first: number; readonly last: number }

/** One tag as its source counts: each reading's raw value is a whole number that no other reading of the tag has. */
export interface SourceAccount {
  readonly tag: string
  /** All that the source handed out, in order. */
  readonly given: readonly Run[]
  /**
   * Of these, what its gateway may never have taken: handed out by a protocol that cannot give it again, to a process
   * that died before it was on disk. It is the source's own loss, and in no ledger, since nobody is left who knew of it.
   */
  readonly untaken?: ReadonlySet<number>
  /** Source time of a reading, UTC microseconds, where the source gives it. */
  readonly timeOf?: (raw: number) => number
}

/** Readings of a tag that were stored one after the other, each one above the former. */
export interface StoredRun extends Run { readonly tag: string; readonly lane: string }

export interface LedgerEntry {
  readonly cause: string
  /** null: any tag of the source or gateway. */
  readonly tag: string | null
  readonly fromUs: number
  readonly toUs: number | null
  /** null: not known. */
  readonly lost: number | null
}

export interface Accounts {
  readonly sources: readonly SourceAccount[]
  /** In the order in which they were stored. */
  readonly stored: readonly StoredRun[]
  readonly ledger: readonly LedgerEntry[]
  /**
   * A source that lost its place gives again what it had given: what had been named as lost may come after all, and late.
   * Then nothing is asked of the order, nor that as much is missing as was named; what is missing must be named all the same.
   */
  readonly givenAgain?: boolean
}

export interface Balance {
  readonly given: number
  readonly stored: number
  readonly named: number
  readonly untaken: number
  /** What does not add up, with the missing numbers. */
  readonly problems: readonly string[]
}

/**
 * source readings = stored readings + readings in gaps of the ledger; no duplicate, no stranger, order kept in a lane.
 * Tag by tag, number by number: a gap that says how many it lost must be right, and what is missing must lie within it.
 */
export function balance({ sources, stored, ledger, givenAgain = false }: Accounts): Balance {
  const problems: string[] = []
  const total = { given: 0, stored: 0, named: 0, untaken: 0 }
  const known = new Set(sources.map(({ tag }) => tag))
  for (const tag of new Set(stored.map((run) => run.tag))) if (!known.has(tag)) problems.push(`${tag}: stored, but no source gave it`)
  const shared = ledger.filter(({ tag }) => tag === null)
  let unnamed = 0
  for (const account of sources) {
    const { tag, given, untaken = new Set<number>(), timeOf } = account
    const runs = stored.filter((run) => run.tag === tag)
    const own = ledger.filter((entry) => entry.tag === tag)
    const times = count(given, runs)
    const twice: number[] = []
    const strangers: number[] = []
    const missing: number[] = []
    times.stored.forEach((n, raw) => {
      if (n > 1) twice.push(raw)
      if (n > 0 && times.given[raw] !== 1) strangers.push(raw)
      if (n > 0) total.stored += n
      if (times.given[raw] !== 1) return
      total.given++
      if (n > 0) return
      if (untaken.has(raw)) total.untaken++
      else missing.push(raw)
    })
    if (twice.length > 0) problems.push(`${tag}: stored twice: ${inRuns(twice)}`)
    if (strangers.length > 0) problems.push(`${tag}: stored, but never given: ${inRuns(strangers)}`)
    for (const lane of givenAgain ? [] : new Set(runs.map((run) => run.lane))) {
      const at = outOfOrder(runs.filter((run) => run.lane === lane))
      if (at) problems.push(`${tag}: out of order in the ${lane} lane: ${at}`)
    }
    const counted = own.reduce((sum, { lost }) => sum + (lost ?? 0), 0)
    total.named += counted
    const open = missing.length - counted
    unnamed += open
    const holders = [...own, ...shared].filter(({ lost }) => lost !== 0)
    const homeless = timeOf ? missing.filter((raw) => !holders.some((entry) => holds(entry, timeOf(raw)))) : holders.length > 0 ? [] : missing
    if (homeless.length > 0) problems.push(`${tag}: missing, and in no gap: ${inRuns(homeless)}`)
    if (open < 0 && !givenAgain) problems.push(`${tag}: the ledger names ${counted} as lost, but ${missing.length} are missing (${inRuns(missing)})`)
    else if (open > 0 && holders.every(({ lost, tag: of }) => of !== null && lost !== null)) problems.push(`${tag}: ${missing.length} are missing (${inRuns(missing)}), but the ledger names ${counted}`)
  }
  const pooled = shared.reduce((sum, { lost }) => sum + (lost ?? 0), 0)
  total.named += pooled
  if (shared.every(({ lost }) => lost !== null) && pooled > 0 && pooled !== unnamed && !(givenAgain && pooled > unnamed)) problems.push(`gaps of no one tag name ${pooled} as lost, but ${unnamed} are missing beyond those named tag by tag`)
  return { ...total, problems }
}

export function assertBalanced(accounts: Accounts): Balance {
  const found = balance(accounts)
  assert.deepEqual(found.problems, [], `the accounts do not balance (given ${found.given}, stored ${found.stored}, named ${found.named}, untaken ${found.untaken})`)
  return found
}

const holds = ({ fromUs, toUs }: LedgerEntry, us: number) => us >= fromUs && (toUs === null || us <= toUs)

function count(given: readonly Run[], stored: readonly Run[]): { given: Uint32Array; stored: Uint32Array } {
  const most = Math.max(0, ...[...given, ...stored].map(({ last }) => last))
  const tally = (runs: readonly Run[]) => {
    const times = new Uint32Array(most + 1)
    for (const { first, last } of runs) for (let raw = first; raw <= last; raw++) times[raw]!++
    return times
  }
  return { given: tally(given), stored: tally(stored) }
}

function outOfOrder(runs: readonly Run[]): string | undefined {
  for (let i = 1; i < runs.length; i++) {
    const [before, after] = [runs[i - 1] as Run, runs[i] as Run]
    if (after.first <= before.last) return `${after.first} after ${before.last}`
  }
  return undefined
}

/** `1–7, 9`, so that a failure can be read. */
export function inRuns(numbers: readonly number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b)
  const runs: { first: number; last: number }[] = []
  for (const n of sorted) {
    const open = runs.at(-1)
    if (open && n <= open.last + 1) open.last = n
    else runs.push({ first: n, last: n })
  }
  const told = runs.slice(0, 20).map(({ first, last }) => (first === last ? `${first}` : `${first}–${last}`)).join(', ')
  return runs.length > 20 ? `${told} and ${runs.length - 20} stretches more` : told
}

/** Numbers in the order in which they came, as runs that ascend by one. */
export function runsOf(numbers: readonly number[]): Run[] {
  const runs: { first: number; last: number }[] = []
  for (const n of numbers) {
    const open = runs.at(-1)
    if (open && n === open.last + 1) open.last = n
    else runs.push({ first: n, last: n })
  }
  return runs
}
