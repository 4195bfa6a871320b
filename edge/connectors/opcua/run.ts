import { BAD } from '../../../registry/domain/contract/quality.ts'
import { createBell } from '../../bell.ts'
import type { Outlet } from '../../source.ts'
import type { RawWaveform } from '../../raw-entry.ts'
import { packReadings, type RawReading } from '../blocks.ts'
import type { ConnectorContext } from '../kind.ts'
import type { OpcUaConfig } from './config.ts'
import { connect, type OpcUaLink } from './connection.ts'
import { measure } from './data-value.ts'
import { addGap, pruneGaps, readGaps } from './gap-list.ts'
import type { OpcUaHealth } from './health.ts'
import { connectionLost } from './failure.ts'
import { fillGaps, type GapBox } from './history.ts'
import { inChunks, planItems, type PlannedItem } from './item-plan.ts'
import { createItemTrack, type ItemTrack } from './item-track.ts'
import { runPublishLoop, type Published } from './publish-loop.ts'
import { readServerFacts, type ServerFacts } from './server-facts.ts'
import { hasOverflowed, qualityOfStatus } from './status-quality.ts'
import { createSubscription, monitor, type ItemRefusal, type MonitoredItem, type Subscription } from './subscription.ts'
import { writeVariable } from './write.ts'

export interface RunOptions {
  readonly config: OpcUaConfig
  readonly context: ConnectorContext
  readonly health: OpcUaHealth
  readonly writing: Writing
}

/** How a value is written, while there is a session. */
export interface Writing { write: ((address: string, value: number) => Promise<void>) | undefined }

interface Run extends RunOptions {
  readonly outlet: Outlet
  readonly signal: AbortSignal
  readonly link: OpcUaLink
  readonly facts: ServerFacts
  readonly subscription: Subscription
  readonly track: ItemTrack
  readonly gaps: GapBox
  /** Through when everything had been delivered, as it stands now. */
  throughUs: number | undefined
  filling: Promise<void> | undefined
}

const READINGS_PER_BLOCK = 10_000
const RETRY_REFUSED_MS = 60_000

const liveKey = ({ context }: RunOptions) => `opcua/${context.id}`
const gapsKey = ({ context }: RunOptions) => `opcua/${context.id}/gaps`

/** One connection, from connecting to its loss (throws) or the signal (resolves). */
export async function runConnection(options: RunOptions, outlet: Outlet, signal: AbortSignal): Promise<void> {
  const { config, context, health } = options
  health.state = health.lost === null ? 'starting' : 'down'
  let link: OpcUaLink | undefined
  const ending = new AbortController()
  const end = () => { ending.abort() }
  signal.addEventListener('abort', end)
  if (signal.aborted) end()
  let run: Run | undefined
  let retrying: Promise<void> | undefined
  try {
    link = await connect({ connection: config, id: context.id, directory: context.directory, secret: (reference) => context.secret(reference), log: context.log })
    const facts = await served(config, readServerFacts(link.session))
    const subscription = await served(config, createSubscription(link.session, config, context.nowUs()))
    const stored = outlet.position(liveKey(options)) as { throughUs?: number } | undefined
    const track = createItemTrack({ deliveredUs: stored?.throughUs, createdUs: subscription.createdUs, counters: health.counters })
    const running: Run = { ...options, outlet, signal: ending.signal, link, facts, subscription, track, gaps: { list: [] }, throughUs: stored?.throughUs, filling: undefined }
    run = running
    const plans = planItems(context.tags, config)
    health.refused.clear()
    health.history = null
    const refused = await served(config, monitor(link.session, subscription, plans, facts, (address) => { noteFilter(running, address) }))
    await openGaps(running, plans, refused)
    await tellRefusals(running, refused)
    health.counters.connections++
    health.lost = null
    health.state = 'ok'
    const { session } = link
    options.writing.write = (address, value) => writeVariable(session, facts.namespaces, address, value)
    outlet.connected()
    context.log.info({ source: context.id, endpoint: config.endpoint, items: plans.length - refused.length, refused: refused.length }, 'OPC UA subscribed')
    retrying = retryRefused(running, refused)
    await runPublishLoop({
      link, subscription, endpoint: config.endpoint, silentAfter: config.silentAfter, counters: health.counters, signal: ending.signal,
      take: (published) => take(running, published),
    })
  } catch (error) {
    if (signal.aborted) return
    health.state = 'down'
    health.lost = error instanceof Error ? error.message : String(error)
    throw error
  } finally {
    options.writing.write = undefined
    end()
    signal.removeEventListener('abort', end)
    await link?.close()
    await Promise.allSettled([run?.filling, retrying])
  }
}

/** A call to the server; its failure is the connection's. */
const served = <T>({ endpoint }: OpcUaConfig, call: Promise<T>): Promise<T> => call.catch((error: unknown) => { throw connectionLost(endpoint, error) })

/** Writes down what was missed before anything newer is delivered: from then on a kill does not lose it. */
async function openGaps(run: Run, plans: readonly PlannedItem[], refused: readonly ItemRefusal[]): Promise<void> {
  const { config: { history }, outlet, subscription, throughUs, context, gaps } = run
  if (!history.fill) return
  const out = new Set(refused.map(({ plan }) => plan.address))
  const addresses = plans.map(({ address }) => address).filter((address) => !out.has(address))
  const stored = readGaps(outlet.position(gapsKey(run)))
  const added = throughUs === undefined ? stored : addGap(stored, { toUs: subscription.createdUs, fromUs: Object.fromEntries(addresses.map((address) => [address, throughUs])) })
  gaps.list = pruneGaps(added, new Set(addresses), context.nowUs() - history.maxAge * 1_000)
  if (gaps.list.length > 0 || stored.length > 0) await outlet.deliver({ blocks: [], position: { key: gapsKey(run), value: gaps.list } })
}

async function fill(run: Run): Promise<void> {
  const { config, context, facts, gaps, health, link, outlet, subscription, track, signal } = run
  const items = new Map<string, MonitoredItem>([...subscription.items.values()].map((item) => [item.plan.address, item]))
  try {
    await fillGaps({
      session: link.session, outlet, health, config: config.history, nodesPerHistoryRead: facts.nodesPerHistoryRead, items, gaps, positionKey: gapsKey(run), signal,
      liveFromUs: (address, { toUs }) => (toUs === subscription.createdUs ? track.firstUs(address) : undefined),
      nowUs: () => context.nowUs(),
    })
  } catch (error) {
    // A connection that is lost is the publish loop's to tell; the gaps stay in the buffer.
    if (signal.aborted || link.ended() !== undefined) return
    const message = error instanceof Error ? error.message : String(error)
    if (/BadServiceUnsupported|BadHistoryOperationUnsupported/.test(message)) {
      health.counters.history_unsupported++
      gaps.list = []
      await outlet.deliver({ blocks: [], position: { key: gapsKey(run), value: [] } })
      return
    }
    health.counters.history_errors++
    health.history = `History could not be read (${message.split('\n')[0] ?? ''}); it is asked for again after the next connect.`
    context.log.warn({ source: context.id, reason: message }, 'OPC UA history failed')
  } finally {
    run.filling = undefined
  }
}

/** Delivers one notification message, and with it how far everything is complete. */
async function take(run: Run, { values, publishUs, isLast, lost }: Published): Promise<void> {
  const { context, health, subscription, track, outlet } = run
  const readings: RawReading[] = []
  const waveforms: RawWaveform[] = []
  const nowUs = context.nowUs()
  for (const { clientHandle, value } of values) {
    const item = subscription.items.get(clientHandle)
    if (!item) continue
    const { address } = item.plan
    if (hasOverflowed(value.statusCode.value)) health.counters.overflows++
    const measured = measure(item.plan, value, nowUs)
    if (measured.kind === 'refused') {
      health.counters.not_numeric++
      health.refused.set(address, `is ${measured.is}`)
      continue
    }
    health.refused.delete(address)
    if (measured.kind === 'reading') {
      const reading = track.reading(measured.reading, publishUs ?? nowUs)
      if (reading) readings.push(reading)
    } else {
      const waveform = track.waveform(measured.waveform)
      if (waveform) waveforms.push(waveform)
    }
  }
  health.counters.readings += readings.length
  health.counters.waveforms += waveforms.length
  if (lost > 0) await noteLost(run, publishUs ?? nowUs)
  const through = isLast && publishUs !== null ? publishUs - slowestSamplingUs(subscription) : undefined
  const advanced = through !== undefined && through > (run.throughUs ?? -Infinity)
  if (advanced) run.throughUs = through
  await outlet.deliver({
    blocks: [...inChunks(readings, READINGS_PER_BLOCK, READINGS_PER_BLOCK).map(packReadings), ...waveforms.map((row) => ({ kind: 'waveforms' as const, rows: [row] }))],
    ...(advanced && { completeThroughUs: through, position: { key: liveKey(run), value: { throughUs: through } } }),
  })
  // History only once the subscription has spoken: where the one begins, the other ends.
  if (run.gaps.list.length > 0 && health.history === null) run.filling ??= fill(run)
}

/** Messages that are gone leave a gap like an outage; history fills it, where the server has it. */
async function noteLost(run: Run, toUs: number): Promise<void> {
  const { config, outlet, subscription, gaps, throughUs, context } = run
  context.log.warn({ source: context.id, throughUs, toUs }, 'OPC UA notification messages were lost')
  if (!config.history.fill || throughUs === undefined) return
  gaps.list = addGap(gaps.list, { toUs, fromUs: Object.fromEntries([...subscription.items.values()].map(({ plan }) => [plan.address, throughUs])) })
  await outlet.deliver({ blocks: [], position: { key: gapsKey(run), value: gaps.list } })
}

/** What was measured just before a publish may not have been sampled yet. */
function slowestSamplingUs({ items }: Subscription): number {
  let slowest = 0
  for (const { samplingMs } of items.values()) slowest = Math.max(slowest, samplingMs)
  return slowest * 1_000
}

function noteFilter({ context, health }: Run, address: string): void {
  health.counters.refused_filters++
  context.log.warn({ source: context.id, address }, 'the server refuses the deadband; every change is sent')
}

/** One bad reading per refused address: the tag does not just stay as it was. */
async function tellRefusals(run: Run, refused: readonly ItemRefusal[]): Promise<void> {
  const { health, outlet, context } = run
  for (const { plan, why } of refused) health.refused.set(plan.address, why)
  health.counters.refused_nodes += refused.length
  const sourceUs = context.nowUs()
  const scalars = refused.filter(({ plan }) => plan.kind === 'scalar')
  if (scalars.length === 0) return
  await outlet.deliver({ blocks: inChunks(scalars, READINGS_PER_BLOCK, READINGS_PER_BLOCK).map((chunk) => packReadings(chunk.map(({ plan, status }) => (
    { address: plan.address, sourceUs, raw: NaN, quality: status ? qualityOfStatus(status.value) | BAD : qualityOfStatus(BAD_NODE_ID_UNKNOWN) })))) })
}

const BAD_NODE_ID_UNKNOWN = 0x80340000

/** A node may appear later (a program is downloaded to the PLC): refused ones are asked for again, quietly. */
async function retryRefused(run: Run, refused: readonly ItemRefusal[]): Promise<void> {
  const { link, subscription, facts, health, signal } = run
  let left = refused
  while (left.length > 0 && !signal.aborted) {
    await createBell().wait(signal, RETRY_REFUSED_MS)
    if (signal.aborted) return
    try {
      const still = await monitor(link.session, subscription, left.map(({ plan }) => plan), facts, (address) => { noteFilter(run, address) })
      const names = new Set(still.map(({ plan }) => plan.address))
      for (const { plan } of left) if (!names.has(plan.address)) health.refused.delete(plan.address)
      left = still
    } catch {
      // A connection that is lost is the publish loop's to tell.
      return
    }
  }
}
