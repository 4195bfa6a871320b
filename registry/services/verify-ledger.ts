import { z } from 'zod'
import { hasCheckpoint, readCheckpoint, signatureHolds } from '../artifacts/checkpoint.ts'
import { demand, type Actor } from '../domain/access/rights.ts'
import { FLEET_SITE, slugSchema } from '../domain/contract/primitives.ts'
import { checkChain, GENESIS, type ChainProblem, type LedgerSeal } from '../domain/ledger/chain.ts'
import { countUnsealed, sealedRows } from '../store/ledger-chain.ts'
import { inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

export const verifyLedgerInput = z.object({ site: z.union([slugSchema, z.literal(FLEET_SITE)]) })
export type VerifyLedgerInput = z.infer<typeof verifyLedgerInput>

export interface LedgerVerified {
  readonly ok: boolean
  readonly checked: number
  /** Written, but not yet sealed: a moment's work. */
  readonly pending: number
  readonly head: { readonly sequence: number; readonly hash: string }
  /** Key (SHA-256 of the public one) that signed the newest checkpoint; null: it is not signed, or not made yet. */
  readonly signedBy: string | null
  readonly problem: string | null
  readonly place: Omit<ChainProblem, 'message'> | null
}

const PAGE = 1000

/**
 * Walks a site's whole ledger and gives the first changed, removed or reordered entry with its place. A chain that was
 * made anew, hashes and all, is told by the checkpoints kept under object lock, whose signatures are checked; one cut off at
 * its end by the checkpoint of the entry that should follow.
 */
export async function verifyLedger(ctx: ServiceContext, actor: Actor, input: VerifyLedgerInput): Promise<LedgerVerified> {
  demand(actor, 'read', input.site)
  let head = { sequence: 0, hash: GENESIS }
  let signedBy: string | null = null
  for (;;) {
    const rows = await inSite(ctx.pool, input.site, (tx) => sealedRows(tx, input.site, head.sequence, PAGE))
    const problem = checkChain(rows, head)
    if (problem) return broken(head, problem)
    const last = rows.at(-1)
    if (last) {
      head = { sequence: last.seal.sequence, hash: last.seal.hash }
      const checked = await holdAgainstCheckpoint(ctx, input.site, last.seal)
      if (checked.problem) return broken(head, checked.problem)
      ;({ signedBy } = checked)
    }
    if (rows.length < PAGE) break
  }
  if (await hasCheckpoint(ctx.objects, input.site, head.sequence + 1) && !await stillGrowing(ctx, input.site, head.sequence)) {
    return broken(head, {
      sequence: head.sequence + 1, entryId: null, what: 'removed', message: `entry ${head.sequence + 1} was sealed once (its checkpoint exists), but is gone`,
    })
  }
  const pending = await inSite(ctx.pool, input.site, (tx) => countUnsealed(tx, input.site))
  return { ok: true, checked: head.sequence, pending, head, signedBy, problem: null, place: null }
}

/** The newest checkpoint of an entry may still be on its way; what is there must agree. */
async function holdAgainstCheckpoint(ctx: ServiceContext, site: string, seal: LedgerSeal): Promise<{ problem: ChainProblem | null; signedBy: string | null }> {
  const checkpoint = await readCheckpoint(ctx.objects, site, seal.sequence)
  if (checkpoint === null) return { problem: null, signedBy: null }
  const at = { entryId: seal.entryId, what: 'changed' as const }
  if (!await signatureHolds(ctx.objects, checkpoint)) {
    return { signedBy: null, problem: { ...at, sequence: seal.sequence, message: `the checkpoint of entry ${seal.sequence} does not bear the signature of the key it names: it was put there by somebody else` } }
  }
  if (checkpoint.hash === seal.hash) return { problem: null, signedBy: checkpoint.signature?.key ?? null }
  const first = await firstMadeAnew(ctx, site, seal.sequence)
  return { signedBy: null, problem: { ...at, sequence: first, message: `entry ${first} is not the one that its checkpoint was made of: the chain was made anew from there on` } }
}

/** All entries from the first changed one on have another hash than their checkpoints say, so halving finds it. */
async function firstMadeAnew(ctx: ServiceContext, site: string, differs: number): Promise<number> {
  let [agrees, other] = [0, differs]
  while (other - agrees > 1) {
    const middle = Math.floor((agrees + other) / 2)
    const [row] = await inSite(ctx.pool, site, (tx) => sealedRows(tx, site, middle - 1, 1))
    const checkpoint = await readCheckpoint(ctx.objects, site, middle)
    if (checkpoint === null || checkpoint.hash === row?.seal.hash) agrees = middle
    else other = middle
  }
  return other
}

/** An entry may have been sealed while the walk was on its way. */
async function stillGrowing(ctx: ServiceContext, site: string, sequence: number): Promise<boolean> {
  return (await inSite(ctx.pool, site, (tx) => sealedRows(tx, site, sequence, 1))).length > 0
}

function broken(head: { sequence: number; hash: string }, { message, ...place }: ChainProblem): LedgerVerified {
  return { ok: false, checked: head.sequence, pending: 0, head, signedBy: null, problem: message, place }
}
