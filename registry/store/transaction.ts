import type pg from 'pg'
import type { Client, Pool } from './pool.ts'

/** A connection inside a transaction that already knows its site; SQL modules take this, never a pool. */
export type Tx = Pick<Client, 'query'> & { readonly client: Client; readonly site: string }

/** Every site: only for the platform's own loops and for principals whose key covers the fleet. */
export const ALL_SITES = '*'

const SERIALIZATION = new Set(['40001', '40P01'])

export interface TransactionOptions {
  /**
   * Every statement reads the store as it stood when the transaction began, and none may write: for what is read by several
   * statements and must fit together. Otherwise each statement sees what was committed before it.
   */
  readonly snapshot?: boolean
}

/**
 * Runs `work` in one transaction under row-level security for `site`. Serialization failures and deadlocks are tried
 * again (three times), so `work` must have no effect outside the transaction.
 */
export async function inSite<T>(pool: Pool, site: string, work: (tx: Tx) => Promise<T>, { snapshot = false }: TransactionOptions = {}): Promise<T> {
  const begin = snapshot ? 'begin isolation level repeatable read read only' : 'begin'
  for (let attempt = 1; ; attempt++) {
    const client = await pool.connect()
    let broken: Error | undefined
    try {
      // One round trip for both: a transaction of one short statement would spend most of its time on the way.
      await client.query(`${begin}; select set_config('twinward.site', ${client.escapeLiteral(site)}, true)`)
      const tx: Tx = { client, site, query: client.query.bind<Client['query']>(client) }
      const result = await work(tx)
      await client.query('commit')
      return result
    } catch (error) {
      await client.query('rollback').catch((lost: Error) => { broken = lost })
      if (attempt < 3 && SERIALIZATION.has((error as pg.DatabaseError).code ?? '')) continue
      throw error
    } finally {
      client.release(broken)
    }
  }
}
