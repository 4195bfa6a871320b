import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { FLEET_SITE, slugSchema } from '../domain/contract/primitives.ts'
import { checkChain, GENESIS, type ChainProblem } from '../domain/ledger/chain.ts'
import { countUnsealed, sealedRows } from '../store/ledger-chain.ts'
import { inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'
import { checkpointKey } from './seal-ledger.ts'

export const verifyLedgerInput = z.object({ site: z.union([slugSchema, z.literal(FLEET_SITE)]) })
export type VerifyLedgerInput = z.infer<typeof verifyLedgerInput>

export interface LedgerVerified {
  readonly ok: boolean
  readonly checked: number
  /** Written, but not yet sealed: a moment's work. */
  readonly pending: number
  readonly head: { readonly sequence: number; readonly hash: string }
  readonly problem: string | null
  readonly place: Omit<ChainProblem, 'message'> | null
}

const PAGE = 1000

/**
 * Walks a site's whole ledger and gives the first changed, removed or reordered entry with its place. A ledger cut off
 * at its end is told by the checkpoint of the entry that should follow.
 */
export async function verifyLedger(ctx: ServiceContext, actor: Actor, input: VerifyLedgerInput): Promise<LedgerVerified> {
  demand(actor, 'read', input.site)
  let head = { sequence: 0, hash: GENESIS }
  for (;;) {
    const rows = await inSite(ctx.pool, input.site, (tx) => sealedRows(tx, input.site, head.sequence, PAGE))
    const problem = checkChain(rows, head)
    if (problem) return broken(head, problem)
    const last = rows.at(-1)
    if (last) head = { sequence: last.seal.sequence, hash: last.seal.hash }
    if (rows.length < PAGE) break
  }
  if (await ctx.objects.exists('ledger', checkpointKey(input.site, head.sequence + 1)) && !await stillGrowing(ctx, input.site, head.sequence)) {
    return broken(head, {
      sequence: head.sequence + 1, entryId: null, what: 'removed', message: `entry ${head.sequence + 1} was sealed once (its checkpoint exists), but is gone`,
    })
  }
  const pending = await inSite(ctx.pool, input.site, (tx) => countUnsealed(tx, input.site))
  return { ok: true, checked: head.sequence, pending, head, problem: null, place: null }
}

/** An entry may have been sealed while the walk was on its way. */
async function stillGrowing(ctx: ServiceContext, site: string, sequence: number): Promise<boolean> {
  return (await inSite(ctx.pool, site, (tx) => sealedRows(tx, site, sequence, 1))).length > 0
}

function broken(head: { sequence: number; hash: string }, { message, ...place }: ChainProblem): LedgerVerified {
  return { ok: false, checked: head.sequence, pending: 0, head, problem: message, place }
}
