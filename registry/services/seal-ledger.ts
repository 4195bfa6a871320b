import { hasCheckpoint, publishKey, putCheckpoint, type CheckpointSigner } from '../artifacts/checkpoint.ts'
import { sealEntries, type LedgerEntry, type LedgerSeal } from '../domain/ledger/chain.ts'
import { becomeSealer, insertSeals, lastSeal, ledgerHeads, sealedRows, unsealedEntries } from '../store/ledger-chain.ts'
import { ALL_SITES, inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

/** So many at once keep the sealer's transaction short. */
const BATCH = 500

/** Signs checkpoints; null leaves them unsigned. */
type SealContext = Pick<ServiceContext, 'pool' | 'objects'> & { readonly signer: CheckpointSigner | null }

/**
 * Gives committed ledger entries their place and their hash. One sealer at a time, by advisory lock; another one that
 * comes meanwhile does nothing. Gives how many were sealed; call again while it gives more than zero.
 */
export async function sealLedger(ctx: SealContext): Promise<number> {
  const sealed = await inSite(ctx.pool, ALL_SITES, async (tx) => {
    if (!await becomeSealer(tx)) return []
    const bySite = new Map<string, LedgerEntry[]>()
    for (const entry of await unsealedEntries(tx, BATCH)) bySite.set(entry.site, [...bySite.get(entry.site) ?? [], entry])
    const all: { site: string; seal: LedgerSeal }[] = []
    for (const [site, entries] of bySite) {
      const seals = sealEntries(await lastSeal(tx, site), entries)
      await insertSeals(tx, site, seals)
      all.push(...seals.map((seal) => ({ site, seal })))
    }
    return all
  })
  for (const { site, seal } of sealed) await putCheckpoint(ctx.objects, ctx.signer, site, seal)
  return sealed.length
}

/** After a start: publishes the key that signs, and makes the checkpoints that a former sealer did not come to. Goes back from each head to the first that is there. */
export async function completeCheckpoints(ctx: SealContext): Promise<number> {
  if (ctx.signer !== null) await publishKey(ctx.objects, ctx.signer)
  let made = 0
  for (const head of await inSite(ctx.pool, ALL_SITES, ledgerHeads)) {
    let first = head.sequence + 1
    while (first > 1 && !await hasCheckpoint(ctx.objects, head.site, first - 1)) first--
    if (first > head.sequence) continue
    const rows = await inSite(ctx.pool, head.site, (tx) => sealedRows(tx, head.site, first - 1, head.sequence - first + 1))
    for (const { seal } of rows) await putCheckpoint(ctx.objects, ctx.signer, head.site, seal)
    made += rows.length
  }
  return made
}
