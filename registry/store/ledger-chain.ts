import type { FoundRow, LedgerEntry, LedgerSeal } from '../domain/ledger/chain.ts'
import { timestampToUs, toUs } from './sql-time.ts'
import type { Tx } from './transaction.ts'

interface EntryRow { site_id: string; entry_id: string; recorded_us: string; kind: string; subject: string; actor_id: string; body: string }
const entryColumns = `e.site_id, e.entry_id, ${timestampToUs('e.recorded_at')} as recorded_us, e.kind, e.subject, e.actor_id, e.body`
const toEntry = (row: EntryRow): LedgerEntry => ({
  site: row.site_id, entryId: row.entry_id, recordedAtUs: toUs(row.recorded_us), kind: row.kind, subject: row.subject, actor: row.actor_id, body: row.body,
})

/** Makes this transaction the one sealer; false when another holds that place. */
export async function becomeSealer(tx: Tx): Promise<boolean> {
  const { rows } = await tx.query<{ mine: boolean }>("select pg_try_advisory_xact_lock(hashtextextended('twinward.sealer', 0)) as mine")
  return rows[0]?.mine ?? false
}

/** Sites that have committed entries without a seal. */
export async function sitesToSeal(tx: Tx): Promise<string[]> {
  const { rows } = await tx.query<{ site_id: string }>(
    'select distinct e.site_id from ledger_entry e where not exists (select from ledger_seal s where s.entry_id = e.entry_id)',
  )
  return rows.map((row) => row.site_id)
}

/** Committed entries of these sites without a seal, in the order they were written. */
export async function unsealedEntries(tx: Tx, sites: readonly string[], limit: number): Promise<LedgerEntry[]> {
  const { rows } = await tx.query<EntryRow>(
    `select ${entryColumns} from ledger_entry e
     where e.site_id = any($1) and not exists (select from ledger_seal s where s.entry_id = e.entry_id) order by e.entry_id limit $2`, [sites, limit],
  )
  return rows.map(toEntry)
}

export async function lastSeal(tx: Tx, site: string): Promise<LedgerSeal | null> {
  const { rows } = await tx.query<SealRow>(
    'select sequence, entry_id, previous_hash, hash from ledger_seal where site_id = $1 order by sequence desc limit 1', [site],
  )
  return rows[0] ? toSeal(rows[0]) : null
}

export async function insertSeals(tx: Tx, site: string, seals: readonly LedgerSeal[]): Promise<void> {
  await tx.query(
    `insert into ledger_seal (site_id, sequence, entry_id, previous_hash, hash)
     select $1, * from unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[])`,
    [site, seals.map((s) => s.sequence), seals.map((s) => s.entryId), seals.map((s) => s.previousHash), seals.map((s) => s.hash)],
  )
}

interface SealRow { sequence: string; entry_id: string; previous_hash: string; hash: string }
const toSeal = (row: SealRow): LedgerSeal => ({ sequence: Number(row.sequence), entryId: row.entry_id, previousHash: row.previous_hash, hash: row.hash })

/** Sealed rows of a site after a place, in order; an entry that is gone is null. */
export async function sealedRows(tx: Tx, site: string, afterSequence: number, limit: number): Promise<FoundRow[]> {
  const { rows } = await tx.query<SealRow & { [K in keyof EntryRow as `e_${K}`]: EntryRow[K] | null } & { found: boolean }>(
    `select s.sequence, s.entry_id, s.previous_hash, s.hash, e.entry_id is not null as found, e.site_id as e_site_id, e.entry_id as e_entry_id,
            ${timestampToUs('e.recorded_at')} as e_recorded_us, e.kind as e_kind, e.subject as e_subject, e.actor_id as e_actor_id, e.body as e_body
     from ledger_seal s left join ledger_entry e on e.entry_id = s.entry_id
     where s.site_id = $1 and s.sequence > $2 order by s.sequence limit $3`,
    [site, afterSequence, limit],
  )
  return rows.map((row) => ({
    seal: toSeal(row),
    entry: row.found ? toEntry({
      site_id: row.e_site_id ?? '', entry_id: row.e_entry_id ?? '', recorded_us: row.e_recorded_us ?? '0', kind: row.e_kind ?? '',
      subject: row.e_subject ?? '', actor_id: row.e_actor_id ?? '', body: row.e_body ?? '',
    }) : null,
  }))
}

/** The last seal of every site that has one. */
export async function ledgerHeads(tx: Tx): Promise<(LedgerSeal & { site: string })[]> {
  const { rows } = await tx.query<SealRow & { site_id: string }>(
    'select distinct on (site_id) site_id, sequence, entry_id, previous_hash, hash from ledger_seal order by site_id, sequence desc',
  )
  return rows.map((row) => ({ ...toSeal(row), site: row.site_id }))
}

export async function countUnsealed(tx: Tx, site: string): Promise<number> {
  const { rows } = await tx.query<{ n: string }>(
    'select count(*) as n from ledger_entry e where e.site_id = $1 and not exists (select from ledger_seal s where s.entry_id = e.entry_id)', [site],
  )
  return Number(rows[0]?.n ?? 0)
}
