import type { Mode } from '../registry/domain/contract/batch.ts'
import type { SourcePosition } from './buffer/buffer.ts'
import type { Block } from './raw-entry.ts'
import type { TagMap } from './tag-map.ts'

/** A connector, running: reads a machine, a file or a model, and hands over what it got in the order it got it. */
export interface Source {
  /** Stays the same over restarts: the watermark and the position are kept under it. */
  readonly id: string
  readonly mode: Mode
  readonly map: TagMap
  /**
   * Delivers until it has nothing more (a file's end) or the signal aborts, then resolves. After a restart it goes on
   * from `outlet.position(key)`, which is exactly as far as what it delivered is safe.
   */
  run(outlet: Outlet, signal: AbortSignal): Promise<void>
  /** Who gives the source times: the device, or (unless told) the gateway when it reads. */
  readonly time?: 'device' | 'gateway'
  /** What the connector knows of its machine's side; cheap, asked for every few seconds. */
  health?(): SourceHealth
}

export interface SourceHealth {
  /** `degraded`: some of it is silent or refused, the rest comes. */
  readonly state: 'starting' | 'ok' | 'degraded' | 'down'
  /** For a person: what is wrong, where, and what to do; null when all is well. */
  readonly detail: string | null
  /** Counts since start, by a name in snake case (`requests`, `exceptions`, `malformed`). */
  readonly counters: Readonly<Record<string, number>>
}

export interface Delivery {
  /** Of these blocks; the source's own unless told. What a server remembered of an outage is `backfill`. */
  readonly mode?: Mode
  readonly blocks: readonly Block[]
  /** All of this source up to here (inclusive) was delivered before this: what its first batches can promise. */
  readonly completeBeforeUs?: number
  /** All of this source up to here (inclusive) is delivered with this; leave out when it cannot be said. */
  readonly completeThroughUs?: number
  /** Kept in the same transaction as the blocks. */
  readonly position?: SourcePosition
}

export interface Outlet {
  position(key: string): unknown
  /** Resolves when the blocks are on disk. While the buffer is full, a live source's go by the buffer's policy, others wait. */
  deliver(delivery: Delivery): Promise<void>
  /** Notes readings that never came this far: dropped by a bounded queue, or by the machine's own. */
  lost(loss: { addresses: readonly string[]; fromUs: number; toUs: number; rows: number | null; cause: 'source_silent' | 'buffer_full'; detail: string }): Promise<void>
}
