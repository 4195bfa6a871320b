import { commandOutcomeSchema, type CommandOutcome, type RecallCommand } from '../registry/domain/contract/gateway-report.ts'
import { createBell } from './bell.ts'
import type { DurableBuffer, RecordWrite } from './buffer/buffer.ts'
import type { Claims } from './claims.ts'
import { persistOnce, type Persist } from './disk-watch.ts'
import { createGroup, type GroupOptions } from './cut-group.ts'
import type { RawBlock } from './raw-entry.ts'
import type { RawReader } from './raw-reader.ts'
import type { WantedStretch } from './shape.ts'

/** Something to be shipped again from the raw store; on disk until it is done. */
interface Order {
  readonly id: string
  readonly origin: 'platform' | 'event'
  readonly tags: readonly string[]
  readonly fromUs: number
  readonly toUs: number
  /** Not before its readings have come and been cut. */
  readonly notBeforeUs: number
  readonly throughId: number
  readonly rows: number
  readonly state: CommandOutcome['state']
  readonly detail: string | null
}

/** Ships what the raw store still holds of a period, as backfill: for the platform's recalls and for events. */
export interface Recaller {
  /** Orders for the stretches around events, for the transaction of the cut that saw them. */
  wanted(stretches: readonly WantedStretch[]): RecordWrite[]
  /** Takes an order of the platform; the same once more changes nothing. */
  take(command: RecallCommand): Promise<void>
  /** Tells the platform that an order of its is none that can be carried out here. */
  decline(id: string, detail: string): Promise<void>
  /** What became of the platform's orders. */
  outcomes(): CommandOutcome[]
  /** The platform no longer asks for anything but these: the others' outcomes are known there. */
  forgetAllBut(ids: readonly string[]): Promise<void>
  /** Ships a little of the oldest order that is due; false when none is. */
  step(stateNow: () => unknown, signal: AbortSignal): Promise<boolean>
  /** Resolves when an order may be due. */
  wait(signal: AbortSignal): Promise<void>
}

export interface RecallerOptions extends Omit<GroupOptions, 'claims' | 'shape' | 'watchers'> {
  readonly buffer: DurableBuffer
  readonly reader: RawReader
  /** Whether cut entries are kept at all. */
  readonly keepsRaw: boolean
  readonly persist?: Persist
}

/** An event's readings are taken up so long after its last: by then they are cut. */
const SETTLE_US = 5_000_000
const READ_BYTES = 1024 * 1024

/** A recall promises nothing: what it ships is a selection. */
const NO_CLAIMS: Claims = { observe() {}, through: () => null, state: () => ({ live: {}, backfill: {} }) }

export function createRecaller(options: RecallerOptions): Recaller {
  const { buffer, reader, keepsRaw, nowUs, persist = persistOnce } = options
  const orders = new Map<string, Order>()
  for (const { key, value } of buffer.records('orders')) orders.set(key, value as Order)
  const bell = createBell()

  function save(order: Order): RecordWrite {
    orders.set(order.id, order)
    return { store: 'orders', key: order.id, value: order }
  }
  const due = () => [...orders.values()].find(({ state, notBeforeUs }) => state === 'accepted' && notBeforeUs <= nowUs())

  return {
    wanted(stretches) {
      const writes = stretches.map(({ tag, fromUs, toUs }) => {
        const growing = [...orders.values()].find((order) => order.origin === 'event' && order.throughId === 0 && order.tags[0] === tag && fromUs <= order.toUs && order.fromUs <= toUs)
        const span = { fromUs: Math.min(fromUs, growing?.fromUs ?? Infinity), toUs: Math.max(toUs, growing?.toUs ?? -Infinity) }
        return save({
          id: growing?.id ?? `event-${tag}-${Math.floor(fromUs)}`, origin: 'event', tags: [tag], ...span, notBeforeUs: span.toUs + SETTLE_US,
          throughId: 0, rows: 0, state: 'accepted', detail: null,
        })
      })
      if (writes.length > 0) bell.ring()
      return writes
    },
    async take({ id, tags, fromUs, toUs }) {
      if (orders.has(id)) return
      const detail = keepsRaw ? null : 'this gateway keeps no raw store; set buffer.keepRaw in its site file'
      await buffer.write([save({ id, origin: 'platform', tags, fromUs, toUs, notBeforeUs: 0, throughId: 0, rows: 0, state: detail === null ? 'accepted' : 'refused', detail })])
      bell.ring()
    },
    async decline(id, detail) {
      if (orders.has(id)) return
      await buffer.write([save({ id, origin: 'platform', tags: [], fromUs: 0, toUs: 0, notBeforeUs: 0, throughId: 0, rows: 0, state: 'refused', detail })])
    },
    outcomes: () => [...orders.values()].filter(({ origin }) => origin === 'platform').slice(0, 100).map(({ id, state, rows, detail }) => commandOutcomeSchema.parse({ id, state, rows, detail })),
    async forgetAllBut(ids) {
      const known = [...orders.values()].filter(({ id, origin, state }) => origin === 'platform' && state !== 'accepted' && !ids.includes(id))
      if (known.length === 0) return
      for (const { id } of known) orders.delete(id)
      await buffer.write(known.map(({ id }) => ({ store: 'orders', key: id, value: undefined })))
    },

    async step(stateNow, signal) {
      const order = due()
      if (!order) return false
      const entries = buffer.readArchive(order.fromUs, order.toUs, order.throughId, READ_BYTES)
      const last = entries.at(-1)
      if (!last) {
        const done: Order = { ...order, state: 'done', detail: order.rows === 0 ? 'the raw store holds nothing of these tags and this period' : null }
        if (order.origin === 'event') orders.delete(order.id)
        const records: RecordWrite[] = order.origin === 'event' ? [{ store: 'orders', key: order.id, value: undefined }] : [save(done)]
        await persist(() => buffer.write(records), signal)
        return true
      }
      const group = createGroup({ ...options, claims: NO_CLAIMS, shape: {}, watchers: () => new Map(), asIs: true, only: new Set(order.tags) })
      for (const entry of entries) {
        const read = reader.read(entry)
        if (typeof read === 'string') continue
        const { block, normaliser } = read
        const part = select(block, order, (address) => normaliser.tagsOf(address))
        if (part) group.add(entry.id, part, entry.mode === 'simulation' ? 'simulation' : 'backfill', normaliser)
      }
      const { batches, documents } = group.finish()
      for (const { digest, document } of documents) await persist(() => buffer.keepDocument(digest, document), signal)
      const rows = order.rows + batches.reduce((sum, { count }) => sum + count, 0)
      const cut = { batches, rawIds: [], state: stateNow(), records: [save({ ...order, throughId: last.id, rows })] }
      await persist(() => buffer.queueCut(cut), signal)
      return true
    },
    async wait(signal) {
      const next = Math.min(...[...orders.values()].filter(({ state }) => state === 'accepted').map(({ notBeforeUs }) => notBeforeUs))
      await bell.wait(signal, Number.isFinite(next) ? Math.max(0, (next - nowUs()) / 1000) : undefined)
    },
  }
}

/** What a block holds of the ordered tags and period; undefined when nothing. */
function select(block: RawBlock, { tags, fromUs, toUs }: Pick<Order, 'tags' | 'fromUs' | 'toUs'>, tagsOf: (address: string) => readonly string[]): RawBlock | undefined {
  const asked = (address: string) => tagsOf(address).some((tag) => tags.includes(tag))
  if (block.kind === 'waveforms') {
    const rows = block.rows.filter(({ address, startUs, intervalUs, samples }) => asked(address) && startUs <= toUs && startUs + intervalUs * samples.length >= fromUs)
    return rows.length > 0 ? { ...block, rows, completeThroughUs: null } : undefined
  }
  const wanted = block.addresses.map(asked)
  const rows = Array.from(block.raw.keys()).filter((i) => wanted[block.address[i] as number] === true && (block.sourceUs[i] as number) >= fromUs && (block.sourceUs[i] as number) <= toUs)
  if (rows.length === 0) return undefined
  return {
    ...block, completeThroughUs: null, address: Uint16Array.from(rows, (i) => block.address[i] as number),
    sourceUs: Float64Array.from(rows, (i) => block.sourceUs[i] as number), raw: Float64Array.from(rows, (i) => block.raw[i] as number), quality: Uint16Array.from(rows, (i) => block.quality[i] as number),
  }
}
