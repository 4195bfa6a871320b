/** Newest source time of each machine in a request. */
export type Newest = ReadonlyMap<string, number>

/**
 * Up to where all has come, as far as one may say of machines that send when they like: a little behind the newest
 * reading of the machine that is furthest behind, those that have fallen quiet left out.
 */
export interface Progress {
  /** With a request that is about to be stored; undefined when nothing can be said yet. */
  through(request: Newest, nowUs: number): number | undefined
  /** The request is stored. */
  stored(request: Newest, nowUs: number): void
}

export function createProgress(assets: readonly string[], { latenessUs, quietUs, startedUs }: { latenessUs: number; quietUs: number; startedUs: number }): Progress {
  // After a start every machine is waited for, as nobody knows which of them are quiet.
  const machines = new Map(assets.map((asset) => [asset, { newestUs: -Infinity, heardUs: startedUs }]))
  return {
    through(request, nowUs) {
      let least = nowUs
      for (const [asset, { newestUs, heardUs }] of machines) {
        const own = request.get(asset)
        if (own === undefined && nowUs - heardUs > quietUs) continue
        least = Math.min(least, Math.max(newestUs, own ?? -Infinity))
      }
      return Number.isFinite(least) ? Math.floor(least - latenessUs) - 1 : undefined
    },
    stored(request, nowUs) {
      for (const [asset, newestUs] of request) {
        const machine = machines.get(asset)
        if (!machine) continue
        machine.newestUs = Math.max(machine.newestUs, newestUs)
        machine.heardUs = nowUs
      }
    },
  }
}
