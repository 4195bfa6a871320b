import { randomBytes } from 'node:crypto'
import type { Outlet, Source } from '../../source.ts'
import type { Block } from '../../raw-entry.ts'
import type { ConnectorContext } from '../kind.ts'
import { inBlocks } from '../blocks.ts'
import { createProgress } from '../progress.ts'
import { createRedeliveries, type KeptPrints } from '../mqtt/redeliveries.ts'
import { openSession, type Session } from '../mqtt/session.ts'
import { createSuspects } from '../suspects.ts'
import type { MqttJsonConfig } from './config.ts'
import { newCounters } from './counters.ts'
import { describeHealth } from './describe.ts'
import { createReader, type Taken } from './reader.ts'
import { createRoutes } from './routes.ts'

/** Kept in the buffer, in one transaction with the readings it tells of. */
interface Stored {
  readonly clientId: string
  readonly filters: readonly string[]
  /** Which fingerprints of what was delivered last are kept, in pages of their own. Earlier versions: all of them. */
  readonly recent: KeptPrints | readonly string[] | undefined
  /** From when on something is missing that the broker does not hold, UTC microseconds. */
  readonly heardUs: number | null
  /** Some of it came by QoS 0, of which no broker holds anything. */
  readonly loose: boolean
}

export function createMqttJsonSource(config: MqttJsonConfig, context: ConnectorContext): Source {
  const { id, map, log, tags } = context
  const nowUs = () => context.nowUs()
  const nowMs = () => performance.now()
  const routes = createRoutes(tags, config)
  const counters = newCounters()
  const suspects = createSuspects(log, nowMs)
  const progress = createProgress(config.lateness * 1_000)
  const reader = createReader({ routes, config, counters, suspects, progress, nowUs, nowMs })
  const addresses = [...new Set(tags.map(({ address }) => address))]
  const key = `mqtt-json/${id}`
  /** Up to when an absence has been told. */
  let toldUs = -Infinity

  return {
    id,
    mode: 'live',
    time: 'device',
    map,
    health: () => describeHealth({ reader, suspects, counters }),

    async run(outlet, signal) {
      const before = outlet.position(key) as Stored | undefined
      let state: Stored = {
        recent: undefined, heardUs: null, loose: false, ...before,
        filters: routes.filters, clientId: config.clientId ?? before?.clientId ?? `twinward-${randomBytes(6).toString('hex')}`,
      }
      const pageKey = (index: number) => `${key}/recent/${index}`
      const redeliveries = createRedeliveries({ kept: before?.recent, page: (index) => outlet.position(pageKey(index)) as string[] | undefined }, nowMs)
      let session: Session | null = null
      try {
        session = await openSession({
          broker: config, clientId: state.clientId, clean: config.session === 'clean', signal,
          opened(resumed) {
            if (!resumed) redeliveries.forget()
          },
          async hear(arrivals) {
            counters.messages += arrivals.length
            const fresh = redeliveries.fresh(arrivals)
            counters.redelivered += arrivals.length - fresh.length
            const { timed, stamped } = reader.read(fresh)
            const gatewayTimed = blocksOf(stamped)
            const blocks = [...blocksOf(timed), ...gatewayTimed]
            if (blocks.length === 0) return
            const heardUs = progress.missingFromUs(nowUs(), nowMs())
            const { kept, pages } = redeliveries.note(fresh)
            state = { ...state, heardUs, recent: kept, loose: state.loose || fresh.some(({ packetId, retained }) => packetId === undefined && !retained) }
            const completeThroughUs = progress.throughUs(nowUs(), nowMs())
            await outlet.deliver({ blocks, gatewayTimed, position: { key, value: state }, beside: pages.map(({ index, prints }) => ({ key: pageKey(index), value: prints })), ...(completeThroughUs !== undefined && { completeThroughUs }) })
          },
        }, context)
        counters.connections++
        if (session.resumed) counters.resumed++
        // From here on the broker holds what comes: it must be found again under the same name after a kill.
        if (before?.clientId !== state.clientId || before.filters.join('\n') !== state.filters.join('\n')) await outlet.deliver({ blocks: [], position: { key, value: state } })
        if (session.resumed) await session.unsubscribe((before?.filters ?? []).filter((filter) => !routes.filters.includes(filter)))
        await session.subscribe(routes.filters, config.qos)
        outlet.connected()
        await noteAbsence(outlet, session.resumed, before)
        await session.over
      } catch (error) {
        if (!signal.aborted) throw error
      } finally {
        await session?.end()
      }
    },
  }

  /** What the broker held follows by itself; of the rest nobody knows how much it was. */
  async function noteAbsence(outlet: Outlet, resumed: boolean, before: Stored | undefined): Promise<void> {
    if (before?.heardUs === undefined || before.heardUs === null || (resumed && !before.loose)) return
    const fromUs = Math.max(before.heardUs, toldUs)
    toldUs = nowUs()
    const why = resumed ? 'what devices sent with QoS 0 meanwhile, no broker holds' : config.session === 'clean' ? 'the broker was not asked to hold anything' : 'the broker held nothing: it has lost our session, or was told to forget it'
    await outlet.lost({ addresses, fromUs, toUs: toldUs, rows: null, cause: 'source_silent', detail: `the gateway was not connected to the broker, and ${why}` })
  }
}

const blocksOf = ({ readings, waveforms }: Taken): Block[] => [...inBlocks(readings), ...waveforms.map((row) => ({ kind: 'waveforms' as const, rows: [row] }))]
