import { microsToIso } from '../../domain/contract/time.ts'
import { timestampToUs } from '../../store/sql-time.ts'
import { ALL_SITES, type Tx } from '../../store/transaction.ts'

/** What every view needs of its rows: instants, and which site's they are. */

/** RFC 3339 of a `timestampToUs` column. */
export const iso = (us: string): string => microsToIso(Number(us))
export const isoOrNull = (us: string | null): string | null => (us === null ? null : iso(us))

/** Rows of the transaction's own site, or of every plant where it looks at all: row-level security shows the fleet's beside them. */
export const ofSite = (tx: Tx, column: string): string => (tx.site === ALL_SITES ? `${column} <> '_fleet'` : `${column} = current_setting('twinward.site')`)

/** Ends of a validity, null where it is open. */
export const fromUsOf = (range: string): string => timestampToUs(`nullif(lower(${range}), '-infinity')`)
export const toUsOf = (range: string): string => timestampToUs(`nullif(upper(${range}), 'infinity')`)
