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
  /** What it reads stays where it is until it is read (files): while the buffer is full it waits, whatever the buffer's policy. */
  readonly waits?: boolean
  /**
   * Writes one value to the machine. Called only for addresses that the site file lets be written. Refuses (`unavailable`) while
   * the machine cannot be reached, or says no.
   */
  write?(address: string, value: number): Promise<void>
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
  /** Kept likewise: parts of a position that is too much to be written anew each time. */
  readonly beside?: readonly SourcePosition[]
  /** Of a source whose devices give the source times: the blocks whose times the gateway gave. */
  readonly gatewayTimed?: readonly Block[]
  /** The machine keeps what is not taken, and offers it again: nothing is lost then, and none noted. */
  readonly offered?: boolean
}

export interface Outlet {
  position(key: string): unknown
  /** Keys of positions that begin so. */
  positionKeys(prefix: string): string[]
  /** Removes positions that nobody will ask for again. */
  forget(keys: readonly string[]): Promise<void>
  /**
   * Resolves with true when the blocks are on disk. While the buffer is full, a live source's go by the buffer's policy,
   * others wait. False: they were not taken, because that policy refused them or the source is being stopped.
   */
  deliver(delivery: Delivery): Promise<boolean>
  /** The machine is reached (again), though it may have nothing to say yet: the trouble that ended the run before is over. */
  connected(): void
  /** Notes readings that never came this far: dropped by a bounded queue, or by the machine's own. */
  lost(loss: { addresses: readonly string[]; fromUs: number; toUs: number; rows: number | null; cause: 'source_silent' | 'buffer_full'; detail: string }): Promise<void>
}
