import type { Delivery, Outlet } from '../../edge/source.ts'
import type { RawWaveform } from '../../edge/raw-entry.ts'
import type { RawReading } from '../../edge/connectors/blocks.ts'

/** What a connector delivered, in order, as a test wants to look at it. */
export interface CollectingOutlet extends Outlet {
  readonly deliveries: Delivery[]
  readonly losses: Parameters<Outlet['lost']>[0][]
  readings(address?: string): RawReading[]
  waveforms(): RawWaveform[]
  /** Resolves when `holds` is true of what has been delivered; rejects after `timeoutMs`. */
  until(holds: () => boolean, timeoutMs?: number): Promise<void>
  readonly positions: Map<string, unknown>
  /** How often the connector said that its machine is reached. */
  connections: number
}

export function createCollectingOutlet(positions = new Map<string, unknown>()): CollectingOutlet {
  const deliveries: Delivery[] = []
  const losses: Parameters<Outlet['lost']>[0][] = []
  const waiting = new Set<() => void>()
  const outlet: CollectingOutlet = {
    deliveries,
    positions,
    position: (key) => positions.get(key),
    positionKeys: (prefix) => [...positions.keys()].filter((key) => key.startsWith(prefix)),
    forget(keys) {
      for (const key of keys) positions.delete(key)
      return Promise.resolve()
    },
    deliver(delivery) {
      deliveries.push(delivery)
      for (const { key, value } of [...(delivery.position ? [delivery.position] : []), ...delivery.beside ?? []]) positions.set(key, value)
      for (const wake of [...waiting]) wake()
      return Promise.resolve(true)
    },
    connections: 0,
    connected() {
      outlet.connections++
      for (const wake of [...waiting]) wake()
    },
    losses,
    lost(loss) {
      losses.push(loss)
      return Promise.resolve()
    },
    readings: (address) => deliveries.flatMap(({ blocks }) => blocks.flatMap((block) => {
      if (block.kind !== 'readings') return []
      return Array.from(block.raw, (raw, i) => ({
        address: block.addresses[block.address[i] ?? 0] ?? '', sourceUs: block.sourceUs[i] ?? 0, raw, quality: block.quality[i] ?? 0,
      })).filter((reading) => address === undefined || reading.address === address)
    })),
    waveforms: () => deliveries.flatMap(({ blocks }) => blocks.flatMap((block) => (block.kind === 'waveforms' ? block.rows : []))),
    until: (holds, timeoutMs = 15_000) => new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(look)
        reject(new Error(`waited ${timeoutMs} ms in vain; ${deliveries.length} deliveries came`))
      }, timeoutMs)
      function look() {
        if (!holds()) return
        clearTimeout(timer)
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
    }),
  }
  return outlet
}
