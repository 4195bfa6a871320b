import { BAD, QUALITY_LEVEL_MASK } from '../../registry/domain/contract/quality.ts'
import type { AlarmNumber } from '../../registry/domain/contract/local-alarm.ts'
import type { Mode } from '../../registry/domain/contract/batch.ts'
import { scaleOf } from '../normalise.ts'
import type { Block, ReadingsBlock } from '../raw-entry.ts'
import type { TagMap } from '../tag-map.ts'
import { ruleOf, type AlarmBook } from './alarm-book.ts'
import { OFF, ON, stepDelay, type Phase } from './delay.ts'
import { createPattern, type Pattern } from './pattern.ts'
import { ruleKey, tagConditions, type AlarmRule } from './rule.ts'
import type { Sense } from './sense.ts'

/** Holds readings against the rules as they come, and keeps the book of what they raise. */
export interface AlarmWatch {
  /** The source's map is in force from now on. */
  follow(source: string, map: TagMap): void
  /** What a source delivered, once it is on disk. */
  see(source: string, mode: Mode, blocks: readonly Block[]): void
  /** Time passed: delays run out, tags are missed. To be called every {@link TICK_MS}. */
  tick(): void
}

export const TICK_MS = 100

interface Watched { readonly rule: AlarmRule; readonly pattern: Pattern; phase: Phase }
interface Feed { readonly tag: string; readonly slope: number; readonly shift: number }
/** One tag's readings, in order: what it feeds, and how far it has come. */
interface Track { readonly ears: readonly { readonly sense: Sense; readonly watched: Watched }[]; lastUs: number }

export interface AlarmWatchOptions {
  readonly rules: readonly AlarmRule[]
  readonly book: AlarmBook
  readonly nowUs: () => number
  /** What could not be noted. */
  readonly onError: (error: unknown) => void
}

export function createAlarmWatch({ rules, book, nowUs, onError }: AlarmWatchOptions): AlarmWatch {
  const startedUs = nowUs()
  // An alarm that stood when the gateway ended stands until its condition is seen to be over.
  const all = rules.map((rule): Watched => ({ rule, pattern: createPattern(rule.when, startedUs), phase: book.standing(rule) ? ON : OFF }))
  const tracks = new Map<string, Track>()
  for (const watched of all) {
    for (const sense of watched.pattern.senses) {
      const { ears = [] } = tracks.get(sense.of.tag) ?? {}
      tracks.set(sense.of.tag, { ears: [...ears, { sense, watched }], lastUs: -Infinity })
    }
  }
  const untimed = all.filter(({ rule }) => tagConditions(rule.when).every(({ kind }) => kind !== 'missing'))
  const timed = all.filter((watched) => !untimed.includes(watched))
  const feeds = new Map<string, ReadonlyMap<string, readonly Feed[]>>()
  const units = new Map<string, string>()

  const known = new Set(rules.map(ruleKey))
  for (const alarm of book.standingAll()) {
    if (alarm.judgement === null && !known.has(ruleKey(ruleOf(alarm)))) book.clear(ruleOf(alarm), startedUs, 'rule-gone').catch(onError)
  }

  function step(watched: Watched, sourceUs: number | null): void {
    const { rule, pattern } = watched
    const atUs = nowUs()
    const { phase, change } = stepDelay(watched.phase, pattern.truth(atUs), { sourceUs, nowUs: atUs }, rule)
    watched.phase = phase
    if (change === null) return
    const noted = change.kind === 'raise' ? book.raise(rule, { sinceUs: change.sinceUs, numbers: numbersOf(pattern, units, atUs) }) : book.clear(rule, change.sinceUs, 'normal')
    noted.catch(onError)
  }

  function seeReadings({ addresses, address, sourceUs, raw, quality }: ReadingsBlock, fed: ReadonlyMap<string, readonly Feed[]>): void {
    const at = addresses.map((name) => fed.get(name))
    if (at.every((found) => found === undefined)) return
    const atUs = nowUs()
    for (let i = 0; i < address.length; i++) {
      const found = at[address[i] as number]
      if (found === undefined) continue
      const us = sourceUs[i] as number
      for (const { tag, slope, shift } of found) {
        const track = tracks.get(tag)
        // What comes late has been judged by what came after it.
        if (track === undefined || us < track.lastUs) continue
        track.lastUs = us
        const value = (raw[i] as number) * slope + shift
        const good = ((quality[i] as number) & QUALITY_LEVEL_MASK) < BAD && Number.isFinite(value)
        for (const { sense } of track.ears) sense.see(good ? value : null, us, atUs)
        for (const { watched } of track.ears) step(watched, us)
      }
    }
  }

  return {
    follow(source, map) {
      const of = new Map<string, Feed[]>()
      for (const mapping of map.tags) {
        if (mapping.kind !== 'scalar' || !tracks.has(mapping.tag)) continue
        units.set(mapping.tag, mapping.canonicalUnit)
        of.set(mapping.address, [...(of.get(mapping.address) ?? []), { tag: mapping.tag, ...scaleOf(mapping) }])
      }
      feeds.set(source, of)
    },
    see(source, mode, blocks) {
      const fed = feeds.get(source)
      // What a machine remembered of an outage is history, and calls nobody.
      if (fed === undefined || fed.size === 0 || mode === 'backfill') return
      for (const block of blocks) if (block.kind === 'readings') seeReadings(block, fed)
    },
    tick() {
      for (const watched of timed) step(watched, null)
      for (const watched of untimed) if (watched.phase.kind === 'rising' || watched.phase.kind === 'falling') step(watched, null)
    },
  }
}

/** The conditions that hold, each with its number and the limit it broke. */
function numbersOf({ senses }: Pattern, units: ReadonlyMap<string, string>, nowUs: number): AlarmNumber[] {
  return senses.filter((sense) => sense.truth(nowUs) === true).slice(0, 50).map((sense): AlarmNumber => {
    const { of } = sense
    const value = sense.measure(nowUs)
    const unit = units.get(of.tag) ?? '1'
    if (of.kind === 'missing') return { tag: of.tag, what: 'missing', value, limit: of.afterUs / 1e6, unit: 's' }
    const [high, low] = of.kind === 'range' ? [of.above, of.below] : [of.rises, of.falls === null ? null : -of.falls]
    // Within the deadband of both limits the nearer one is meant.
    const upper = high !== null && (low === null || value === null || Math.abs(high - value) <= Math.abs(value - low) || value > high)
    if (of.kind === 'range') return upper ? { tag: of.tag, what: 'above', value, limit: high, unit } : { tag: of.tag, what: 'below', value, limit: low as number, unit }
    return upper ? { tag: of.tag, what: 'rises', value, limit: high, unit: `${unit}/s` } : { tag: of.tag, what: 'falls', value: value === null ? null : -value, limit: -(low as number), unit: `${unit}/s` }
  })
}
