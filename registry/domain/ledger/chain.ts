import { canonicalJson, sha256Hex } from '../canonical.ts'

/** A ledger row as stored; `body` is the canonical text that was written. */
export interface LedgerEntry {
  readonly site: string
  readonly entryId: string
  readonly recordedAtUs: number
  readonly kind: string
  readonly subject: string
  readonly actor: string
  readonly body: string
}

/** What the sealer adds: the entry's place and its link to the one before. */
export interface LedgerSeal { readonly sequence: number; readonly entryId: string; readonly previousHash: string; readonly hash: string }

/** What the first entry of a site links to. */
export const GENESIS = '0'.repeat(64)

/** SHA-256 over the previous hash and the entry's canonical JSON, its place included. */
export function sealHash(previousHash: string, sequence: number, entry: LedgerEntry): string {
  return sha256Hex(previousHash + canonicalJson({ ...entry, sequence }))
}

/** Seals entries one after the other behind the last seal (null: the site has none yet). */
export function sealEntries(last: Pick<LedgerSeal, 'sequence' | 'hash'> | null, entries: readonly LedgerEntry[]): LedgerSeal[] {
  let { sequence, hash } = last ?? { sequence: 0, hash: GENESIS }
  return entries.map((entry) => {
    const previousHash = hash
    sequence++
    hash = sealHash(previousHash, sequence, entry)
    return { sequence, entryId: entry.entryId, previousHash, hash }
  })
}

export interface ChainProblem {
  /** Where: the place in the site's ledger. */
  readonly sequence: number
  readonly entryId: string | null
  readonly what: 'changed' | 'removed' | 'reordered'
  readonly message: string
}

/** One sealed row as found; `entry` is null when the seal's entry is gone. */
export interface FoundRow { readonly seal: LedgerSeal; readonly entry: LedgerEntry | null }

/**
 * Walks a chain from its beginning, or from `after`, and gives the first thing wrong with it. Rows come in the order of
 * their sequence.
 */
export function checkChain(rows: Iterable<FoundRow>, after: Pick<LedgerSeal, 'sequence' | 'hash'> | null = null): ChainProblem | null {
  let previous = after ?? { sequence: 0, hash: GENESIS }
  for (const { seal, entry } of rows) {
    const at = { sequence: seal.sequence, entryId: seal.entryId }
    if (seal.sequence !== previous.sequence + 1) {
      return { ...at, sequence: previous.sequence + 1, what: 'removed', message: `after entry ${previous.sequence} comes ${seal.sequence}: what stood between is gone` }
    }
    if (entry === null) return { ...at, what: 'removed', message: `entry ${seal.sequence} is sealed, but the row is gone` }
    if (seal.previousHash !== previous.hash) {
      return { ...at, what: 'reordered', message: `entry ${seal.sequence} links to another predecessor than the one that stands before it` }
    }
    if (sealHash(seal.previousHash, seal.sequence, entry) !== seal.hash) {
      return { ...at, what: 'changed', message: `entry ${seal.sequence} (${entry.kind} ${entry.subject}) is not what was sealed` }
    }
    previous = { sequence: seal.sequence, hash: seal.hash }
  }
  return null
}
