import type { Tx } from './transaction.ts'

/** What waits for whom. Each count is bounded, so that looking is cheap even when things are bad. */
export interface Backlog {
  readonly batchesLanded: number
  readonly batchesWithOpenWindows: number
  readonly outboxDue: number
  readonly outboxDead: number
  readonly operationsOpen: number
  readonly gatesOpen: number
  readonly alertsOpen: number
  readonly incidentsOpen: number
}

const MOST = 100_000

/** Counts of everything visible to the transaction's site, each up to 100,000. */
export async function readBacklog(tx: Tx): Promise<Backlog> {
  const bounded = (table: string, condition: string) =>
    `(select count(*) from (select 1 from ${table} where ${condition} limit ${MOST}) as bounded)::integer`
  const { rows } = await tx.query<Backlog>(
    `select ${bounded('raw_batch', "state = 'landed'")} as "batchesLanded",
            ${bounded('raw_batch', "state = 'committed' and windows_closed_at is null")} as "batchesWithOpenWindows",
            ${bounded('outbox', 'dispatched_at is null and dead_at is null')} as "outboxDue",
            ${bounded('outbox', 'dead_at is not null')} as "outboxDead",
            ${bounded('operation', 'ended_at is null')} as "operationsOpen",
            ${bounded('gate', "state in ('collecting', 'open')")} as "gatesOpen",
            ${bounded('alert', "state <> 'closed'")} as "alertsOpen",
            ${bounded('incident', "state <> 'closed'")} as "incidentsOpen"`,
  )
  // A select without FROM gives one row.
  return rows[0] as Backlog
}
