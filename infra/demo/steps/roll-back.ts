import { demoFamily } from '../definitions.ts'
import type { Demo } from '../context.ts'

/** The former release again, by one call that can be repeated without a second effect. */
export async function rollBack({ people, narrator, plant, platform }: Demo, former: string, current: string): Promise<{ release: string }> {
  const site = plant.site
  const call = () => people.rita.post<{ release: string; repeated: boolean }>(`/v1/families/${demoFamily}/roll-back`, { reason: 'the demo wants its first model back', requestId: 'demo-roll-back' }, { site })
  const first = await call()
  const again = await call()
  if (first.release !== former || again.release !== former || !again.repeated) throw new Error(`Rolled back to ${first.release}, then ${again.release}; expected ${former} once.`)
  narrator.say(`${current} → ${former}. The same call again changes nothing.`)
  const ledger = await people.rita.get<{ ok: boolean; checked: number }>('/v1/ledger/verify', { site })
  if (!ledger.ok) throw new Error('The ledger does not verify.')
  narrator.say(`The ledger has it all, and its chain holds (${ledger.checked} rows).`)
  narrator.look(`${platform.url}/ledger`)
  return { release: first.release }
}
