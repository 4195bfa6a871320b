import { BAD, qualityReasons, UNCERTAIN, worse } from '../../../registry/domain/contract/quality.ts'
import type { RawWaveform } from '../../raw-entry.ts'
import type { RawReading } from '../blocks.ts'
import { inMicros } from '../epoch.ts'
import type { MessageShape } from './config.ts'
import { findAll, findBeside, MOST_FOUND, type Found } from './path.ts'
import type { Route, TopicPlan } from './routes.ts'
import { LAST_US } from './time.ts'
import { readQuality, readSamples, readValue } from './value.ts'

/** What one message says of the mapped addresses. `timed`: by a time of its own. */
export interface Said {
  readonly readings: (RawReading & { readonly timed: boolean })[]
  readonly waveforms: (RawWaveform & { readonly timed: boolean })[]
  /** Addresses where there stands something else than a number, and what. */
  readonly refused: Map<string, string>
  /** Addresses that the message does not have. */
  readonly absent: string[]
  /** Why some of it could not be read; the rest was. */
  problem: string | null
}

export interface Received {
  readonly payload: Uint8Array
  /** UTC microseconds by the gateway's clock, for what bears no time. */
  readonly arrivedUs: number
  /** It may have waited at the broker, so that its arrival says little. */
  readonly held: boolean
}

const utf8 = new TextDecoder('utf-8', { fatal: true })
/** Samples in one waveform; longer ones are delivered in parts. */
const PART = 100_000

/** Reads a message; throws a plain Error when it is none. Nothing of it is kept but numbers. */
export function readMessage({ routes, shape, readTime }: TopicPlan, { payload, arrivedUs, held }: Received): Said {
  const top = parse(payload, routes)
  const said: Said = { readings: [], waveforms: [], refused: new Map(), absent: [], problem: null }
  for (const route of routes) {
    const all = findAll(top, route.path)
    if (all.length === 0) said.absent.push(route.address)
    if (said.readings.length + all.length > MOST_FOUND) throw new Error(`more than ${MOST_FOUND} readings`)
    for (const found of all) {
      try {
        const time = timeOf(found)
        if (route.kind === 'scalar') takeReading(said, route, found, shape, time)
        else takeWaveform(said, route, found, shape, time)
      } catch (error) {
        said.problem ??= `${route.address}: ${error instanceof Error ? error.message : String(error)}`
      }
    }
  }
  return said

  function timeOf(found: Found): Time {
    const us = readTime && shape.time ? readTime(findBeside(found, shape.time.at)) : null
    if (us !== null) return { us, timed: true, doubt: 0 }
    // A time that should be there and is not, and one that passed while the message waited, are doubtful.
    return { us: arrivedUs, timed: false, doubt: (readTime || held ? qualityReasons.clock : 0) | (held ? UNCERTAIN : 0) }
  }
}

interface Time { readonly us: number; readonly timed: boolean; readonly doubt: number }

/** JSON; where the payload itself is mapped as the value, any text. */
function parse(payload: Uint8Array, routes: readonly Route[]): unknown {
  let text: string
  try {
    text = utf8.decode(payload)
  } catch {
    throw new Error('no UTF-8 text')
  }
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    if (routes.some(({ kind, path }) => kind === 'scalar' && path.steps.length === 0)) return text
    throw new Error(`no JSON: ${error instanceof Error ? error.message.slice(0, 80) : ''}`, { cause: error })
  }
}

function takeReading({ readings, refused }: Said, { address }: Route, found: Found, { words, quality }: MessageShape, { us, timed, doubt }: Time): void {
  const value = readValue(found.value, words)
  const told = quality ? readQuality(findBeside(found, quality.at), quality) : 0
  if ('refused' in value) {
    refused.set(address, value.refused)
    readings.push({ address, sourceUs: us, timed, raw: NaN, quality: BAD | qualityReasons.device })
  } else readings.push({ address, sourceUs: us, timed, raw: value.raw, quality: worse(worse(value.quality, told), doubt) })
}

function takeWaveform({ waveforms, refused }: Said, { address }: Route, found: Found, shape: MessageShape, { us, timed, doubt }: Time): void {
  const samples = readSamples(found.value)
  if ('refused' in samples) {
    refused.set(address, samples.refused)
    return
  }
  if (samples.length === 0) return
  const intervalUs = intervalOf(found, shape)
  const told = shape.quality ? readQuality(findBeside(found, shape.quality.at), shape.quality) : 0
  // Without a time of its own it arrived when its last sample had been taken.
  const startUs = timed && shape.timestampOf === 'first' ? us : Math.round(us - (samples.length - 1) * intervalUs)
  if (startUs <= 0 || startUs + samples.length * intervalUs > LAST_US) throw new Error('its samples lie outside the years 1970 to 2255')
  for (let at = 0; at < samples.length; at += PART) {
    waveforms.push({ address, startUs: Math.round(startUs + at * intervalUs), intervalUs, timed, quality: worse(told, doubt), samples: samples.subarray(at, at + PART) })
  }
}

const LONGEST_INTERVAL_US = 3_600e6

function intervalOf(found: Found, { sampleRateHz, interval }: MessageShape): number {
  const rate = typeof sampleRateHz === 'object' ? numberOf(findBeside(found, sampleRateHz)) : sampleRateHz
  const us = rate !== undefined ? 1e6 / rate : interval ? inMicros(numberOf(findBeside(found, interval.at)), interval.is) : NaN
  if (!(us > 0 && us <= LONGEST_INTERVAL_US)) throw new Error('its sample rate or interval is missing, not above 0, or more than an hour')
  return us
}

function numberOf(value: unknown): number {
  const read = readValue(value, {})
  return 'raw' in read ? read.raw : NaN
}
