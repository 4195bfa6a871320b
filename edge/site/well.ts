import type { OrderedTrial } from '../configure/state.ts'
import type { RunningSite } from './run-site.ts'

type Before = Pick<OrderedTrial, 'connected' | 'worked'>
const NOTHING: Before = { connected: false, worked: [] }

/** A source that is still starting after so long says nothing of what is tried: a device may take as long as it likes. */
const SOURCES_WITHIN_MS = 30_000

/**
 * Why a gateway that has run for so long is not well; null when it is: readings reach the disk, sources have started, and there is
 * a connection or a reason why there is none.
 * @param must what there was before, and has to be again: a connection, sources that work
 */
export function whyNotWell(site: RunningSite | undefined, forMs: number, must: Before = NOTHING): string | null {
  if (!site) return 'it does not run'
  const { keeping, uplink } = site.figures()
  if (!keeping) return 'readings do not reach the disk'
  const { connectors } = site.status()
  const starting = connectors.filter(({ state }) => state === 'starting').map(({ id }) => id)
  if (forMs <= SOURCES_WITHIN_MS && starting.length > 0) return `${starting.slice(0, 3).join(', ')} ${starting.length === 1 ? 'has' : 'have'} not started`
  const down = connectors.find(({ id, state }) => state === 'down' && must.worked.includes(id))
  if (down) return `${down.id} worked before, and does not with it: ${down.detail ?? 'it gives nothing'}`
  if (uplink.connected) return null
  if (must.connected) return `no connection to the platform, which there was before (${uplink.lastError ?? 'no answer'})`
  return uplink.lastError === null ? 'no connection to the platform, and no reason known' : null
}
