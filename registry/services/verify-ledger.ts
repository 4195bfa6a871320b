import { z } from 'zod'
import { createKeyReader, hasCheckpoint, readCheckpoint, signatureHolds, type Checkpoint } from '../artifacts/checkpoint.ts'
import { demand, type Actor } from '../domain/access/rights.ts'
import { FLEET_SITE, slugSchema } from '../domain/contract/primitives.ts'
import { checkChain, GENESIS, type ChainProblem, type FoundRow, type LedgerSeal } from '../domain/ledger/chain.ts'
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
  /** Key (SHA-256 of the public one) that signed the newest checkpoint there is; null: it is not signed, or none is made yet. */
  readonly signedBy: string | null
  readonly problem: string | null
  readonly place: Omit<ChainProblem, 'message'> | null
}

const PAGE = 1000
/** Checkpoints read at once. */
const AT_ONCE = 16

/**
 * Walks a site's whole ledger and gives the first changed, removed or reordered entry with its place. A chain that was
 * made anew, hashes and all, is told by the checkpoints kept under object lock: each entry is held against its own. One cut
 * off at its end is told by the checkpoint of the entry that should follow.
 */
export async function verifyLedger(ctx: ServiceContext, actor: Actor, input: VerifyLedgerInput): Promise<LedgerVerified> {
  demand(actor, 'read', input.site)
  const walk = createCheckpointWalk(ctx, input.site)
  let head = { sequence: 0, hash: GENESIS }
  for (;;) {
    const rows = await inSite(ctx.pool, input.site, (tx) => sealedRows(tx, input.site, head.sequence, PAGE))
    const broke = checkChain(rows, head)
    const step = await walk.hold(broke ? rows.filter(({ seal }) => seal.sequence < broke.sequence) : rows)
    const problem = step.problem ?? broke
    if (problem) return broken(head, problem)
    const last = step.backTo ?? rows.at(-1)?.seal
    if (last) head = { sequence: last.sequence, hash: last.hash }
    if (!step.backTo && rows.length < PAGE) break
  }
  if (await hasCheckpoint(ctx.objects, input.site, head.sequence + 1) && !await stillGrowing(ctx, input.site, head.sequence)) {
    return broken(head, {
      sequence: head.sequence + 1, entryId: null, what: 'removed', message: `entry ${head.sequence + 1} was sealed once (its checkpoint exists), but is gone`,
    })
  }
  const pending = await inSite(ctx.pool, input.site, (tx) => countUnsealed(tx, input.site))
  return { ok: true, checked: head.sequence, pending, head, signedBy: walk.signedBy(), problem: null, place: null }
}

interface Step {
  readonly problem?: ChainProblem
  /** Checkpoints came while they were looked for: walk on from here. */
  readonly backTo?: Pick<LedgerSeal, 'sequence' | 'hash'>
}

/** Holds rows against their checkpoints, page by page. Those of the newest entries may still be on their way. */
function createCheckpointWalk({ objects }: ServiceContext, site: string) {
  const keyOf = createKeyReader(objects)
  let newest: Checkpoint | null = null
  /** The first entry without a checkpoint. */
  let missing: LedgerSeal | null = null

  async function next(seal: LedgerSeal, checkpoint: Checkpoint | null): Promise<Step> {
    const { sequence, entryId } = seal
    const problem = (what: ChainProblem['what'], message: string): Step => ({ problem: { sequence, entryId, what, message } })
    if (checkpoint === null) {
      missing ??= seal
      return {}
    }
    if (missing) {
      const { sequence: hole, entryId: id, previousHash } = missing
      // They are made in order: one that is not there after a later one was seen is not on its way.
      if (!await hasCheckpoint(objects, site, hole)) return { problem: { sequence: hole, entryId: id, what: 'removed', message: `the checkpoint of entry ${hole} is gone: that of entry ${sequence}, made later, is there` } }
      missing = null
      return { backTo: { sequence: hole - 1, hash: previousHash } }
    }
    if (!await signatureHolds(keyOf, checkpoint)) {
      return problem('changed', `the checkpoint of entry ${sequence} does not bear the signature of the key it names: it was put there by somebody else`)
    }
    if (checkpoint.signature === undefined && newest?.signature) {
      return problem('changed', `the checkpoint of entry ${sequence} is not signed, although those before it are: it was put there by somebody else`)
    }
    if (checkpoint.hash !== seal.hash) return problem('changed', `entry ${sequence} is not the one that its checkpoint was made of: the chain was made anew from there on`)
    newest = checkpoint
    return {}
  }

  return {
    signedBy: (): string | null => newest?.signature?.key ?? null,
    async hold(rows: readonly FoundRow[]): Promise<Step> {
      for (let i = 0; i < rows.length; i += AT_ONCE) {
        const some = rows.slice(i, i + AT_ONCE).map(({ seal }) => seal)
        const checkpoints = await Promise.all(some.map((seal) => readCheckpoint(objects, site, seal.sequence)))
        for (const [j, seal] of some.entries()) {
          const step = await next(seal, checkpoints[j] ?? null)
          if (step.problem ?? step.backTo) return step
        }
      }
      return {}
    },
  }
}

/** An entry may have been sealed while the walk was on its way. */
async function stillGrowing(ctx: ServiceContext, site: string, sequence: number): Promise<boolean> {
  return (await inSite(ctx.pool, site, (tx) => sealedRows(tx, site, sequence, 1))).length > 0
}

function broken(head: { sequence: number; hash: string }, { message, ...place }: ChainProblem): LedgerVerified {
  return { ok: false, checked: head.sequence, pending: 0, head, signedBy: null, problem: message, place }
}
