import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import { findShutOut } from '../../store/gateway-access.ts'
import type { Tx } from '../../store/transaction.ts'

/** Refuses (`forbidden`) what a gateway that was shut out says, by whatever way it came: also past the door, by a user of the broker. */
export async function demandNotShut(tx: Tx, site: string, gateway: string): Promise<void> {
  const shut = await findShutOut(tx, site, gateway)
  if (shut === null) return
  refuse('forbidden', `Gateway ${gateway} of site ${site} was shut out by ${shut.byActor} at ${microsToIso(shut.sinceUs)} (${shut.because}); nothing of it is taken. If this is the rightful one, make a token on the platform `
    + '(twinward gateways enrol) and run "twinward-edge enrol" on the box; what waits in its buffer then ships.', { fault: 'revoked', site, gateway })
}
