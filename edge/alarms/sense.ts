import type { TagCondition } from './rule.ts'

/** Three-valued: null is unknown (nothing came yet, or what came is bad), and neither raises nor clears anything. */
export type Truth = boolean | null

/** What one condition on one tag has seen, and what it says now. */
export interface Sense {
  readonly of: TagCondition
  /** A reading of its tag, in order of source time; null: a bad one. Times in UTC microseconds. */
  see(value: number | null, sourceUs: number, nowUs: number): void
  truth(nowUs: number): Truth
  /** The number that its truth rests on; null: none. */
  measure(nowUs: number): number | null
}

export function createSense(condition: TagCondition, startedUs: number): Sense {
  if (condition.kind === 'range') return rangeSense(condition)
  if (condition.kind === 'rate') return rateSense(condition)
  return missingSense(condition, startedUs)
}

type Of<K extends TagCondition['kind']> = Extract<TagCondition, { kind: K }>

/** Beyond a limit until it is back within it by the deadband. */
function beyond(value: number, { high, low, deadband, was }: { high: number | null; low: number | null; deadband: number; was: boolean }): boolean {
  if ((high !== null && value > high) || (low !== null && value < low)) return true
  return was && ((high !== null && value > high - deadband) || (low !== null && value < low + deadband))
}

function rangeSense(condition: Of<'range'>): Sense {
  const { above: high, below: low, deadband } = condition
  let on = false
  let value: number | null = null
  return {
    of: condition,
    see(next) {
      value = next
      if (next !== null) on = beyond(next, { high, low, deadband, was: on })
    },
    truth: () => (value === null ? null : on),
    measure: () => value,
  }
}

/** So many points of a window are kept: what comes faster is seen no finer. */
const POINTS = 256

function rateSense(condition: Of<'rate'>): Sense {
  const { rises: high, falls, overUs, deadband } = condition
  const low = falls === null ? null : -falls
  /** Source times ascending; the first is the newest that lies a whole window back, if any does. */
  let points: { readonly us: number; readonly value: number }[] = []
  let on = false
  let rate: number | null = null
  return {
    of: condition,
    see(value, us) {
      if (value === null) {
        // A bad stretch is not bridged: what lies across it is no rate.
        points = []
        rate = null
        return
      }
      const last = points.at(-1)
      const before = points.at(-2)
      const latest = { us, value }
      // Points that lie too near to matter give way to the newest, so that the window's memory is bounded.
      if (last !== undefined && before !== undefined && us - before.us < overUs / POINTS) points[points.length - 1] = latest
      else points.push(latest)
      let whole = 0
      while (points[whole + 1] !== undefined && (points[whole + 1] as { us: number }).us <= us - overUs) whole++
      if (whole > 0) points = points.slice(whole)
      const from = points[0] as { us: number; value: number }
      if (from.us > us - overUs) return
      rate = ((value - from.value) * 1e6) / (us - from.us)
      on = beyond(rate, { high, low, deadband, was: on })
    },
    truth: () => (rate === null ? null : on),
    measure: () => rate,
  }
}

function missingSense(condition: Of<'missing'>, startedUs: number): Sense {
  const { afterUs } = condition
  let lastUs = startedUs
  return {
    of: condition,
    see(value, _sourceUs, nowUs) { if (value !== null) lastUs = nowUs },
    truth: (nowUs) => nowUs - lastUs > afterUs,
    measure: (nowUs) => Math.max(0, nowUs - lastUs) / 1e6,
  }
}
