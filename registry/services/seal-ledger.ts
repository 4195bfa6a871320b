import {
  createKeyReader, hasCheckpoint, publishKey, putCheckpoint, readCheckpoint, refuseAnother, signatureHolds, type Checkpoint, type CheckpointSigner, type KeyReader,
} from '../artifacts/checkpoint.ts'
import { DomainError, refuse } from '../domain/errors.ts'
import { checkChain, sealEntries, type LedgerEntry, type LedgerSeal } from '../domain/ledger/chain.ts'
import { becomeSealer, insertSeals, lastSeal, ledgerHeads, sealedRows, sitesToSeal, unsealedEntries } from '../store/ledger-chain.ts'
import { ALL_SITES, inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

/** So many at once keep the sealer's transaction short. */
const BATCH = 500

export type SealContext = Pick<ServiceContext, 'pool' | 'objects'> & {
  /** Signs checkpoints; null leaves them unsigned. */
  readonly signer: CheckpointSigner | null
  /** Told of each site whose chain is not the one its checkpoints were made of: it is left as it is, the others go on. */
  readonly onRefused: (site: string, refusal: DomainError) => void
}

/**
 * Gives committed ledger entries their place and their hash, behind a seal that its checkpoint bears out. One sealer at a
 * time, by advisory lock; another one that comes meanwhile does nothing. Gives how many were sealed; call again while it
 * gives more than zero.
 */
export async function sealLedger(ctx: SealContext): Promise<number> {
  const heads = await inSite(ctx.pool, ALL_SITES, async (tx) => {
    const found = new Map<string, LedgerSeal | null>()
    for (const site of await sitesToSeal(tx)) found.set(site, await lastSeal(tx, site))
    return found
  })
  if (heads.size === 0) return 0
  if (ctx.signer !== null) await publishKey(ctx.objects, ctx.signer)
  const keyOf = createKeyReader(ctx.objects)
  const sound: string[] = []
  for (const [site, head] of heads) {
    if (await unlessRefused(ctx, site, () => completeSite(ctx, keyOf, site, head)) !== null) sound.push(site)
  }
  const sealed = await inSite(ctx.pool, ALL_SITES, async (tx) => {
    if (!await becomeSealer(tx)) return new Map<string, LedgerSeal[]>()
    const bySite = new Map<string, LedgerEntry[]>()
    for (const entry of await unsealedEntries(tx, sound, BATCH)) bySite.set(entry.site, [...bySite.get(entry.site) ?? [], entry])
    const all = new Map<string, LedgerSeal[]>()
    for (const [site, entries] of bySite) {
      const last = await lastSeal(tx, site)
      // Another sealer was quicker: its seal was not held against a checkpoint yet.
      if (last?.hash !== heads.get(site)?.hash) continue
      const seals = sealEntries(last, entries)
      await insertSeals(tx, site, seals)
      all.set(site, seals)
    }
    return all
  })
  for (const [site, seals] of sealed) await unlessRefused(ctx, site, () => putAll(ctx, site, seals))
  return [...sealed.values()].reduce((sum, seals) => sum + seals.length, 0)
}

/** After a start: publishes the key that signs, and makes the checkpoints that a former sealer did not come to. Gives how many. */
export async function completeCheckpoints(ctx: SealContext): Promise<number> {
  if (ctx.signer !== null) await publishKey(ctx.objects, ctx.signer)
  const keyOf = createKeyReader(ctx.objects)
  let made = 0
  for (const { site, ...head } of await inSite(ctx.pool, ALL_SITES, ledgerHeads)) {
    made += await unlessRefused(ctx, site, () => completeSite(ctx, keyOf, site, head)) ?? 0
  }
  return made
}

/**
 * Goes back from the head to the newest checkpoint, and makes those of the entries behind it. Refuses where the chain is
 * not the one that checkpoint was made of, so that no signature ever vouches for a chain made anew.
 */
async function completeSite(ctx: SealContext, keyOf: KeyReader, site: string, head: LedgerSeal | null): Promise<number> {
  const end = head?.sequence ?? 0
  let checkpoint: Checkpoint | null = null
  let at = end
  while (at > 0 && (checkpoint = await readCheckpoint(ctx.objects, site, at)) === null) at--
  const rowsAfter = (sequence: number, limit: number) => inSite(ctx.pool, site, (tx) => sealedRows(tx, site, sequence, limit))
  if (checkpoint !== null) {
    const seal = at === end ? head : (await rowsAfter(at - 1, 1))[0]?.seal
    if (seal?.sequence !== at || seal.hash !== checkpoint.hash) refuseAnother(site, at)
    if (!await signatureHolds(keyOf, checkpoint)) {
      refuse('digest_mismatch', `The checkpoint of entry ${at} of ${site} does not bear the signature of the key it names, so nothing is sealed behind it: restore its first version, which object lock keeps.`, { site, sequence: at })
    }
    if (checkpoint.signature !== undefined && ctx.signer === null) {
      refuse('conflict', `The checkpoints of ${site} are signed, and this sealer has no key: an unsigned one would break the ledger. Give it \`ledger-key.pem\`.`, { site, sequence: at })
    }
  }
  const rows = at === end ? [] : await rowsAfter(at, end - at)
  const problem = checkChain(rows, checkpoint)
  if (problem) refuse('digest_mismatch', `The ledger of ${site} is broken, so no checkpoint is made of it: ${problem.message}. Compare with a backup.`, { site, sequence: problem.sequence })
  await putAll(ctx, site, rows.map(({ seal }) => seal))
  if (await hasCheckpoint(ctx.objects, site, end + 1) && (await inSite(ctx.pool, site, (tx) => lastSeal(tx, site)))?.hash === head?.hash) {
    refuse('digest_mismatch', `Entry ${end + 1} of ${site} was sealed once (its checkpoint exists), but is gone, so nothing is sealed in its place: restore it from a backup.`, { site, sequence: end + 1 })
  }
  return rows.length
}

async function putAll(ctx: SealContext, site: string, seals: readonly LedgerSeal[]): Promise<void> {
  for (const seal of seals) await putCheckpoint(ctx.objects, ctx.signer, site, seal)
}

/** Null: refused, and told. That the object store is away concerns every site: it is thrown. */
async function unlessRefused<T>(ctx: SealContext, site: string, work: () => Promise<T>): Promise<T | null> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof DomainError) || error.code === 'unavailable') throw error
    ctx.onRefused(site, error)
    return null
  }
}
