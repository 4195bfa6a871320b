import { ALL_SITES, type Tx } from './transaction.ts'

/**
 * The site a row is written for. A transaction over all sites has none of its own, so there it must be given;
 * leaving it out is a bug of the caller, hence no DomainError.
 */
export function writingSite(tx: Tx, given?: string): string {
  const site = given ?? tx.site
  if (site === ALL_SITES) throw new Error('a transaction over all sites must name the site it writes for')
  return site
}
