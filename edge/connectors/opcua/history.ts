import './library-log.ts'
import { HistoryData, HistoryReadRequest, ReadRawModifiedDetails, resolveNodeId, TimestampsToReturn, type HistoryReadResult } from 'node-opcua-client'
import type { RawWaveform } from '../../raw-entry.ts'
import type { Outlet } from '../../source.ts'
import { packReadings, type RawReading } from '../blocks.ts'
import type { OpcUaConfig } from './config.ts'
import type { RawSession } from './connection.ts'
import { measure, sourceUsOf, serverUsOf } from './data-value.ts'
import { advanceOldest, type Gap } from './gap-list.ts'
import type { OpcUaHealth } from './health.ts'
import { inChunks } from './item-plan.ts'
import type { MonitoredItem } from './subscription.ts'

export interface HistoryOptions {
  readonly session: RawSession
  readonly outlet: Outlet
  readonly health: OpcUaHealth
  readonly config: OpcUaConfig['history']
  readonly nodesPerHistoryRead: number
  readonly items: ReadonlyMap<string, MonitoredItem>
  /** Where the open gaps are kept between runs. */
  readonly positionKey: string
  /** Grows when more is lost meanwhile. */
  readonly gaps: GapBox
  /** From when on the subscription speaks for an address, after this gap. */
  readonly liveFromUs: (address: string, gap: Gap) => number | undefined
  readonly nowUs: () => number
  readonly signal: AbortSignal
}

/** The open gaps, oldest first, as they stand in the buffer. */
export interface GapBox { list: Gap[] }

/** Nodes in one call: with their pages, what is in memory at once. */
const NODES = 10
const UNSUPPORTED = /HistoryOperation|NotReadable|ServiceUnsupported|NoData|UserAccessDenied|NotSupported|NotImplemented/

/**
 * Asks the server for what it saw while we did not (HistoryRead of raw values, OPC UA Part 11, 6.4.3) and delivers it
 * as `backfill`, page by page and each address in order. What is delivered is kept with it, so that it is not asked
 * for again. Servers and nodes without history are passed over.
 */
export async function fillGaps(options: HistoryOptions): Promise<void> {
  const { gaps, items, nodesPerHistoryRead, signal } = options
  for (let oldest = gaps.list[0]; oldest && !signal.aborted; oldest = gaps.list[0]) {
    const [group = []] = inChunks(Object.keys(oldest.fromUs), nodesPerHistoryRead, NODES)
    const known = group.flatMap((address) => {
      const item = items.get(address)
      return item ? [{ address, item, page: undefined, reachedUs: -Infinity }] : []
    })
    for (const address of group) if (!items.has(address)) gaps.list = advanceOldest(gaps.list, address, null)
    await fillGroup(options, known)
  }
}

interface Pending {
  readonly address: string
  readonly item: MonitoredItem
  /** Where the server's answer stopped; undefined to begin with. */
  readonly page: { readonly continuation: Buffer; readonly span: Span } | undefined
  /** Newest time the server has gone through, whether it was wanted or not. */
  readonly reachedUs: number
}

interface Span { readonly fromUs: number; readonly toUs: number }
type Entry = Pending & Span

async function fillGroup(options: HistoryOptions, group: readonly Pending[]): Promise<void> {
  const { session, outlet, health, config, gaps, positionKey, liveFromUs, signal } = options
  let pending = group
  while (pending.length > 0 && !signal.aborted) {
    const gap = gaps.list[0]
    if (!gap) return
    const readings: RawReading[] = []
    const waveforms: RawWaveform[] = []
    const goingOn: Pending[] = []
    const entries = pending.map((entry) => ({ ...entry, fromUs: gap.fromUs[entry.address] ?? gap.toUs, toUs: liveFromUs(entry.address, gap) ?? gap.toUs }))
    for (const { span, asked } of bySpan(entries)) {
      const results = await readPage(session, config.pageValues, asked, span)
      asked.forEach((entry, i) => {
        const result = results[i]
        const { address, item } = entry
        if (!result || result.statusCode.isBad()) {
          countFailure(health, address, result)
          gaps.list = advanceOldest(gaps.list, address, null)
          return
        }
        const { throughUs, reachedUs, count } = collect(entry, result, options, readings, waveforms)
        const continuation = result.continuationPoint?.length ? result.continuationPoint : undefined
        // Some servers cut off at the page's size and give no continuation point. One that brings nothing newer would never end.
        const goesOn = continuation ? reachedUs > entry.reachedUs : count >= config.pageValues && throughUs > entry.fromUs
        gaps.list = advanceOldest(gaps.list, address, goesOn ? throughUs : null)
        if (goesOn) goingOn.push({ address, item, page: continuation && { continuation, span }, reachedUs })
      })
    }
    health.counters.history_readings += readings.length + waveforms.length
    const blocks = [...readings.length > 0 ? [packReadings(readings)] : [], ...waveforms.map((row) => ({ kind: 'waveforms' as const, rows: [row] }))]
    await outlet.deliver({ mode: 'backfill', blocks, position: { key: positionKey, value: gaps.list } })
    pending = goingOn
  }
}

/** What can be asked for in one call: all nodes of a call share a time span, and a continued call has the span it began with. */
function bySpan(entries: readonly Entry[]): { span: Span; asked: Entry[] }[] {
  const calls = new Map<Span | number, { span: Span; asked: Entry[] }>()
  for (const entry of entries) {
    const key = entry.page?.span ?? entry.fromUs
    const call = calls.get(key)
    const span = entry.page?.span ?? { fromUs: entry.fromUs, toUs: Math.max(entry.toUs, call?.span.toUs ?? -Infinity) }
    calls.set(key, { span, asked: [...call?.asked ?? [], entry] })
  }
  return [...calls.values()]
}

async function readPage(session: RawSession, pageValues: number, entries: readonly Entry[], { fromUs, toUs }: Span): Promise<readonly HistoryReadResult[]> {
  const answer = await session.historyRead(new HistoryReadRequest({
    historyReadDetails: new ReadRawModifiedDetails({
      isReadModified: false, startTime: new Date(Math.floor(fromUs / 1_000)), endTime: new Date(Math.ceil(toUs / 1_000)), numValuesPerNode: pageValues, returnBounds: false,
    }),
    timestampsToReturn: TimestampsToReturn.Both,
    releaseContinuationPoints: false,
    nodesToRead: entries.map(({ item, page }) => ({ nodeId: resolveNodeId(item.nodeId), ...(page && { continuationPoint: page.continuation }) })),
  }))
  return answer.results ?? []
}

/** Takes out of a page what lies within the entry's own span; how far that and the page reach, and how many values it had. */
function collect(entry: Entry, result: HistoryReadResult, { health, nowUs }: HistoryOptions, readings: RawReading[], waveforms: RawWaveform[]) {
  let throughUs = entry.fromUs
  let reachedUs = entry.reachedUs
  const values = result.historyData instanceof HistoryData ? result.historyData.dataValues ?? [] : []
  for (const value of values) {
    const timeUs = sourceUsOf(value) ?? serverUsOf(value)
    if (timeUs === undefined) continue
    reachedUs = Math.max(reachedUs, timeUs)
    if (timeUs <= throughUs || timeUs >= entry.toUs) continue
    const measured = measure(entry.item.plan, value, nowUs())
    throughUs = timeUs
    if (measured.kind === 'refused') health.counters.not_numeric++
    else if (measured.kind === 'reading') readings.push(measured.reading)
    else waveforms.push(measured.waveform)
  }
  return { throughUs, reachedUs, count: values.length }
}

function countFailure(health: OpcUaHealth, address: string, result: HistoryReadResult | undefined): void {
  const why = result?.statusCode.name ?? 'no answer'
  if (UNSUPPORTED.test(why)) {
    health.counters.history_unsupported++
    return
  }
  health.counters.history_errors++
  health.history = `The history of ${address} could not be read (${why}): what happened there during the last outage is missing.`
}
