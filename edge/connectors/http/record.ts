import { BAD, QUALITY_LEVEL_MASK, qualityReasons, UNCERTAIN } from '../../../registry/domain/contract/quality.ts'
import { DomainError } from '../../../registry/domain/errors.ts'
import type { RawWaveform } from '../../raw-entry.ts'
import { suggest } from '../../schema-problems.ts'
import type { RawReading } from '../blocks.ts'
import type { EpochUnit } from '../epoch.ts'
import { faulty, type PushProblem } from './answer.ts'
import { readTime, shown } from './time.ts'

/** What the site file says of a name that machines may send. */
export interface PushTag {
  readonly kind: 'scalar' | 'waveform'
  /** Of the tags it feeds. */
  readonly units: readonly string[]
  readonly assets: readonly string[]
}

/** What is good in a request, and what is wrong with the rest. */
export interface Pushed {
  /** With times of the machine's own, and those for which the gateway's stand in. */
  readonly readings: readonly RawReading[]
  readonly gatewayTimed: readonly RawReading[]
  readonly waveforms: readonly (RawWaveform & { readonly gatewayTimed: boolean })[]
  /** The first of them; `refused` counts all. */
  readonly problems: readonly PushProblem[]
  readonly refused: number
}

export interface RecordReaderOptions {
  readonly tags: ReadonlyMap<string, PushTag>
  /** The assets that whoever sends may speak of; null: all. */
  readonly assets: ReadonlySet<string> | null
  readonly numericTime: EpochUnit
  /** The gateway's time of this request. */
  readonly nowUs: number
}

/** Takes records one by one, whatever the body's format: the good ones are kept, the others told. */
export interface RecordReader {
  reading(at: string, record: unknown, commonTime?: unknown): void
  /** Many names at one time: `{ "temp": 21.5, "speed": 1480 }`. */
  values(at: string, record: unknown, time: unknown): void
  waveform(at: string, record: unknown): void
  /** A record that cannot even be told apart. */
  refuse(at: string, detail: string): void
  result(): Pushed
}

const READING_KEYS = ['name', 'value', 'time', 'quality', 'unit']
const WAVEFORM_KEYS = ['name', 'samples', 'start', 'intervalUs', 'sampleRateHz', 'quality', 'unit']
const QUALITIES: Readonly<Record<string, number>> = { good: 0, uncertain: UNCERTAIN | qualityReasons.device, bad: BAD | qualityReasons.device }
const NO_VALUE = BAD | qualityReasons.missing
const LISTED = 100
/** As many as one batch holds. */
const MOST_SAMPLES = 500_000
/** The platform sets longer ones aside. */
const LONGEST_US = 3_600_000_000

export function createRecordReader({ tags, assets, numericTime, nowUs }: RecordReaderOptions): RecordReader {
  const readings: RawReading[] = []
  const gatewayTimed: RawReading[] = []
  const waveforms: (RawWaveform & { gatewayTimed: boolean })[] = []
  const problems: PushProblem[] = []
  const untimed = new Set<string>()
  let refused = 0

  function tell(at: string, name: unknown, detail: string): void {
    refused++
    if (problems.length < LISTED) problems.push({ at, name: typeof name === 'string' ? name.slice(0, 200) : null, detail })
  }
  function attempt(at: string, name: unknown, read: () => void): void {
    try {
      read()
    } catch (error) {
      if (!(error instanceof DomainError)) throw error
      tell(at, name, error.message)
    }
  }

  function tagOf(name: unknown, kind: PushTag['kind'], unit: unknown): string {
    if (typeof name !== 'string') return faulty(name === undefined ? 'has no name; send the address that the site file gives the tag' : `${shown(name)} is no name; send a text`)
    const tag = tags.get(name)
    if (!tag) return faulty(`nobody knows the name ${shown(name)} here${name.length > 100 ? '' : suggest(name, [...tags.keys()].slice(0, 200))}; add a tag with this address to the site file`)
    if (assets && tag.assets.some((asset) => !assets.has(asset))) return faulty(`this token may not send for ${tag.assets.join(', ')}; use that machine's own token, or name the asset with this token in the site file`)
    if (tag.kind !== kind) return faulty(`${name} is a ${tag.kind} in the site file; send ${tag.kind === 'waveform' ? 'samples with start and intervalUs' : 'a value'}, or correct its kind there`)
    if (unit !== undefined && unit !== null && (typeof unit !== 'string' || !tag.units.includes(unit))) {
      return faulty(`comes in ${shown(unit)}, while the site file says ${tag.units.join(' and ')}; correct one of them`)
    }
    return name
  }

  function take(address: string, value: unknown, time: unknown, quality: unknown): void {
    const level = qualityOf(quality)
    const raw = typeof value === 'number' ? value : typeof value === 'boolean' ? Number(value) : value === null ? NaN : faulty(wrongValue(value))
    const sourceUs = readTime(time, numericTime, nowUs)
    const reading = { address, raw, quality: value === null && (level & QUALITY_LEVEL_MASK) < BAD ? NO_VALUE : level, sourceUs: sourceUs ?? nowUs }
    if (sourceUs !== null) readings.push(reading)
    else if (untimed.has(address)) faulty('comes twice without a time, and nobody could tell which was first; give each reading its time')
    else {
      untimed.add(address)
      gatewayTimed.push(reading)
    }
  }

  return {
    reading(at, record, commonTime) {
      const fields = fieldsOf(record)
      attempt(at, fields?.['name'], () => {
        if (!fields) faulty(`${shown(record)} is no reading; send { "name": …, "value": … }`)
        else {
          knownKeys(fields, READING_KEYS)
          if (fields['value'] === undefined) faulty('has no value; send a number, true, false, or null where the machine had none')
          take(tagOf(fields['name'], 'scalar', fields['unit']), fields['value'], fields['time'] ?? commonTime, fields['quality'])
        }
      })
    },
    values(at, record, time) {
      const fields = fieldsOf(record)
      if (!fields) {
        tell(at, null, `${shown(record)} is not what values must be; send { "NAME": 21.5, … }`)
        return
      }
      for (const [name, value] of Object.entries(fields)) {
        attempt(`${at}/${name.slice(0, 200).replaceAll('~', '~0').replaceAll('/', '~1')}`, name, () => { take(tagOf(name, 'scalar', undefined), value, time, undefined) })
      }
    },
    waveform(at, record) {
      const fields = fieldsOf(record)
      attempt(at, fields?.['name'], () => {
        if (!fields) faulty(`${shown(record)} is no waveform; send { "name": …, "start": …, "intervalUs": …, "samples": […] }`)
        else {
          knownKeys(fields, WAVEFORM_KEYS)
          const address = tagOf(fields['name'], 'waveform', fields['unit'])
          waveforms.push({ address, ...waveformOf(fields, numericTime, nowUs) })
        }
      })
    },
    refuse: (at, detail) => { tell(at, null, detail) },
    result: () => ({ readings, gatewayTimed, waveforms, problems, refused }),
  }
}

function qualityOf(given: unknown): number {
  if (given === undefined || given === null) return 0
  const code = typeof given === 'string' && Object.hasOwn(QUALITIES, given) ? QUALITIES[given] : undefined
  return code ?? faulty(`${shown(given)} is no quality; send good, uncertain or bad, or leave it out`)
}

function wrongValue(value: unknown): string {
  if (typeof value === 'string') return `${shown(value)} is a text; send a number without quotes, true, false, or null where the machine had none`
  return `${shown(value)} is no value; send a number, true, false, or null where the machine had none`
}

function waveformOf(fields: Fields, numericTime: EpochUnit, nowUs: number): Omit<RawWaveform, 'address'> & { gatewayTimed: boolean } {
  const { samples, sampleRateHz, quality } = fields
  const intervalUs = fields['intervalUs'] ?? (typeof sampleRateHz === 'number' ? 1e6 / sampleRateHz : undefined)
  if (typeof intervalUs !== 'number' || !Number.isFinite(intervalUs) || intervalUs <= 0) return faulty('has no interval; send intervalUs, the microseconds from sample to sample, or sampleRateHz')
  if (!Array.isArray(samples) || samples.length === 0) return faulty('has no samples; send them as a list of numbers')
  if (samples.length > MOST_SAMPLES) return faulty(`has ${samples.length} samples; send at most ${MOST_SAMPLES} in one waveform`)
  if (samples.length * intervalUs > LONGEST_US) return faulty('lasts longer than an hour; send it in parts, or as readings')
  const taken = new Float32Array(samples.length)
  for (let i = 0; i < samples.length; i++) {
    const sample: unknown = samples[i]
    taken[i] = typeof sample === 'number' ? sample : NaN
    if (!Number.isFinite(taken[i])) return faulty(`sample ${i} is ${shown(sample)}; samples are numbers of 32 bits, without a gap`)
  }
  const level = qualityOf(quality)
  const startUs = readTime(fields['start'], numericTime, nowUs)
  return { startUs: startUs ?? Math.floor(nowUs - intervalUs * samples.length), intervalUs, quality: level, samples: taken, gatewayTimed: startUs === null }
}

type Fields = Readonly<Record<string, unknown>>
const fieldsOf = (value: unknown): Fields | undefined => (typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Fields : undefined)

/** A misspelt time would be taken for none. */
function knownKeys(fields: Fields, known: readonly string[]): void {
  for (const key in fields) if (!known.includes(key)) faulty(`has ${shown(key)}, which nobody reads${key.length > 100 ? '' : suggest(key, known)}`)
}
