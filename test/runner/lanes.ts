/** What a test file takes of the machine when it runs by itself. */
export interface Cost {
  readonly seconds: number
  /** How busy it keeps the machine: 1 is what most files do, 0.5 one that mostly waits, 2 one that has a core for itself. */
  readonly load: number
}

/**
 * Works through all items, the longest first, so that none of them is left over for the end. As many run side by side as
 * their loads leave room for; one that is more than all the room runs alone.
 */
export async function inLanes<T>(items: readonly T[], room: number, costOf: (item: T) => Cost, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items].sort((a, b) => costOf(b).seconds - costOf(a).seconds)
  const running = new Set<Promise<void>>()
  let taken = 0
  const next = () => waiting.findIndex((item) => running.size === 0 || taken + costOf(item).load <= room)
  while (waiting.length > 0 || running.size > 0) {
    for (let at = next(); at >= 0; at = next()) {
      const [item] = waiting.splice(at, 1) as [T]
      const { load } = costOf(item)
      taken += load
      const one: Promise<void> = work(item).finally(() => {
        taken -= load
        running.delete(one)
      })
      running.add(one)
    }
    await Promise.race(running)
  }
}
