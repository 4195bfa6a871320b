import { refuse } from '../../../registry/domain/errors.ts'
import type { Source } from '../../source.ts'
import type { ConnectorContext } from '../kind.ts'
import { parseAddress } from './address.ts'
import type { ModbusClient } from './client.ts'
import type { PollingConfig } from './config.ts'
import { newCounters } from './counters.ts'
import { describeHealth, type LineState } from './describe.ts'
import { NO_COMMUNICATION, type Point } from './point.ts'
import { pollUnit } from './poller.ts'
import { createRounds } from './rounds.ts'
import { createUnit, type Ask, type Silence, type Unit } from './unit.ts'
import { ownConnection, type Wire } from './wire.ts'
import { writeRequest, writeValue } from './write.ts'

/** So often in a row every unit stays silent before the line itself is thought dead (half open, adapter hung). */
const STRIKES = 3
const SHORTEST_MS = 10

export function createModbusSource(config: PollingConfig, wire: Wire, context: ConnectorContext): Source {
  const { id, map, log } = context
  const nowUs = () => context.nowUs()
  const counters = newCounters()
  const nowMs = () => performance.now()
  const points = context.tags.map((tag): Point => {
    const everyMs = tag.everyMs ?? config.every
    if (everyMs < SHORTEST_MS) refuse('invalid', `source ${id} asks for ${tag.address} every ${everyMs} ms; ${SHORTEST_MS} ms is the least`)
    return { ...parseAddress(tag.address), address: tag.address, everyMs, told: null, refused: null }
  })
  // They outlive a run: what a device refuses to read together need not be found out again after each reconnection.
  const units = [...new Set(points.map(({ unit }) => unit))].map((unit) => createUnit({
    unit, points: points.filter((point) => point.unit === unit), limits: config.merge,
    retryRefusedMs: config.retryRefused, counters, nowUs, nowMs,
  }))
  const silent = new Map<number, Silence>()
  const answered = new Set<number>()
  let line: LineState = { state: 'starting', why: null }
  /** How a unit is asked, while there is a connection. */
  let asking: ((unit: number) => ModbusClient['ask']) | undefined

  const note = (unit: number, silence: Silence | null) => {
    if (silence === null) {
      answered.add(unit)
      if (silent.delete(unit)) log.info({ unit }, 'the Modbus unit answers again')
    } else {
      if (!silent.has(unit)) log.warn({ unit, why: silence.why }, 'the Modbus unit is silent')
      silent.set(unit, silence)
    }
  }

  return {
    id,
    mode: 'live',
    map,
    health: () => describeHealth({ wire: wire.name, points, units: units.length, silent, answered: answered.size, line, counters }),

    write: (address, value) => writeValue(asking?.(writeRequest(address, value).unit), address, value),

    async run(outlet, signal) {
      silent.clear()
      answered.clear()
      const inner = new AbortController()
      const closers: (() => void)[] = []
      const stop = () => {
        inner.abort()
        for (const close of closers) close()
      }
      signal.addEventListener('abort', stop)
      if (signal.aborted) stop()
      const losses: string[] = []
      const lose = (why: string) => {
        losses.push(why)
        stop()
      }

      const beginRound = createRounds(outlet)
      const dead = new Set<number>()
      const poll = (unit: Unit, ask: Ask) => pollUnit({
        unit, ask, beginRound, backoff: config.backoff, restMs: wire.restMs, counters, nowUs, nowMs, random: Math.random,
        onState(silence, strikes) {
          note(unit.unit, silence)
          // A gateway that speaks for its silent units is alive itself; a connection that cannot be had is dead at once.
          const gone = silence !== null && silence.kind !== 'gateway' && (silence.kind === 'closed' || strikes >= STRIKES)
          if (gone) dead.add(unit.unit)
          else dead.delete(unit.unit)
          if (dead.size === units.length) lose(units.length === 1 ? `unit ${unit.unit} ${silence?.why ?? ''}` : `none of its ${units.length} units answers; unit ${unit.unit} ${silence?.why ?? ''}`)
        },
      }, inner.signal)

      try {
        let ask: (unit: number) => ModbusClient['ask']
        if (wire.perUnit) {
          const own = new Map<number, ModbusClient['ask']>()
          ask = (unit) => {
            const there = own.get(unit)
            if (there) return there
            const { ask: alone, close } = ownConnection(wire, { counters, nowUs }, inner.signal)
            closers.push(close)
            own.set(unit, alone)
            return alone
          }
        } else {
          const client = await wire.open({ counters, nowUs, onLost: lose }, inner.signal)
          closers.push(() => { client.close() })
          ask = () => (request) => client.ask(request)
        }
        line = { state: 'open', why: null }
        asking = ask
        await allOf(units.map((unit) => poll(unit, ask(unit.unit))), stop)
        if (losses.length > 0) refuse('unavailable', `${wire.name} is lost: ${losses[0] ?? ''}; check power, cable, network and the unit numbers`)
      } catch (error) {
        if (signal.aborted) return
        line = { state: 'down', why: error instanceof Error ? error.message : String(error) }
        throw error
      } finally {
        asking = undefined
        stop()
        signal.removeEventListener('abort', stop)
        // The gateway marks them itself now that this run is over.
        if (!signal.aborted) for (const point of points) point.told = NO_COMMUNICATION
      }
    },
  }
}

/** Stops the others when one throws, and waits until all have ended. */
async function allOf(runs: readonly Promise<void>[], stop: () => void): Promise<void> {
  for (const run of runs) run.catch(stop)
  await Promise.allSettled(runs)
  await Promise.all(runs)
}
