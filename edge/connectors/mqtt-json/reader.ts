import type { RawWaveform } from '../../raw-entry.ts'
import type { RawReading } from '../blocks.ts'
import type { Progress } from '../progress.ts'
import type { Arrival } from '../mqtt/session.ts'
import type { Suspects } from '../suspects.ts'
import type { MqttJsonConfig } from './config.ts'
import type { Counters } from './counters.ts'
import { readMessage, type Said } from './message.ts'
import type { Routes, TopicPlan } from './routes.ts'
import { createTrack } from './track.ts'

export interface ReaderOptions {
  readonly routes: Routes
  readonly config: Pick<MqttJsonConfig, 'maxPayload' | 'retained'>
  readonly counters: Counters
  readonly suspects: Suspects
  readonly progress: Progress
  readonly nowUs: () => number
  readonly nowMs: () => number
}

export interface Taken {
  readonly readings: RawReading[]
  readonly waveforms: RawWaveform[]
}

/** From messages to readings, over all connections of a source; whatever a message holds, the next one is read. */
export interface Reader {
  /** `stamped`: those whose times are the gateway's. */
  read(arrivals: readonly Arrival[]): { readonly timed: Taken; readonly stamped: Taken }
  /** By address: why nothing comes of it. */
  readonly refused: ReadonlyMap<string, string>
  /** Addresses whose topic has spoken, and never of them. */
  readonly awaited: ReadonlySet<string>
}

export function createReader({ routes, config, counters, suspects, progress, nowUs, nowMs }: ReaderOptions): Reader {
  const track = createTrack(counters)
  const refused = new Map<string, string>()
  const awaited = new Set<string>()
  const seen = new Set<string>()

  function readOne({ topic, payload, retained, held }: Arrival, plan: TopicPlan, into: { readonly timed: Taken; readonly stamped: Taken }): void {
    if (payload.byteLength > config.maxPayload) throw new Error(`larger than maxPayload (${config.maxPayload} bytes)`)
    const said = readMessage(plan, { payload, arrivedUs: nowUs(), held })
    // A retained message is of any age: only a time of its own says which.
    const wanted = ({ timed }: { readonly timed: boolean }) => timed || !retained
    const tell = (us: number) => { if (!retained) progress.note(topic, us, nowMs()) }
    for (const { timed, ...given } of said.readings.filter(wanted)) {
      const reading = track.reading(given, timed)
      if (!reading) continue
      if (!timed && plan.readTime) counters.without_time++
      tell(reading.sourceUs)
      into[timed ? 'timed' : 'stamped'].readings.push(reading)
    }
    for (const { timed, ...given } of said.waveforms.filter(wanted)) {
      const row = track.waveform(given, timed)
      if (!row) continue
      tell(row.startUs)
      into[timed ? 'timed' : 'stamped'].waveforms.push(row)
    }
    noteAddresses(plan, said)
    if (said.problem !== null) throw new Error(said.problem)
  }

  function noteAddresses({ routes: all }: TopicPlan, { absent, refused: others }: Said): void {
    const missing = new Set(absent)
    for (const { address } of all) {
      if (missing.has(address)) {
        if (!seen.has(address)) awaited.add(address)
        continue
      }
      seen.add(address)
      awaited.delete(address)
      const why = others.get(address)
      if (why === undefined) refused.delete(address)
      else {
        counters.not_numeric++
        refused.set(address, why)
      }
    }
  }

  return {
    refused, awaited,
    read(arrivals) {
      const taken = { timed: nothing(), stamped: nothing() }
      for (const arrival of arrivals) {
        const { topic, payload, retained, held } = arrival
        const plan = routes.of(topic)
        if (!plan) continue
        if (held) counters.held++
        if (payload.byteLength === 0) counters.empty++
        else if (retained && (config.retained === 'ignore' || !plan.readTime)) counters.retained_ignored++
        else {
          try {
            readOne(arrival, plan, taken)
            suspects.settle(topic)
          } catch (error) {
            counters.malformed++
            suspects.note(topic, payload, error instanceof Error ? error.message : String(error))
          }
        }
      }
      counters.readings += taken.timed.readings.length + taken.stamped.readings.length
      counters.waveforms += taken.timed.waveforms.length + taken.stamped.waveforms.length
      return taken
    },
  }
}

const nothing = (): Taken => ({ readings: [], waveforms: [] })
