import type { RawReading } from '../blocks.ts'
import { halve, planRequests, type Cut, type Limits, type Planned } from './plan.ts'
import type { Closed } from './client.ts'
import type { Counters } from './counters.ts'
import { exceptionMeaning, type Answer, type ReadRequest } from './pdu.ts'
import { NO_COMMUNICATION, tellBad, tellValue, type Point } from './point.ts'
import { decodeValue } from './values.ts'

export interface UnitOptions {
  readonly unit: number
  readonly points: readonly Point[]
  readonly limits: Limits
  readonly retryRefusedMs: number
  readonly counters: Counters
  readonly nowUs: () => number
  readonly nowMs: () => number
}

/** One slave: reads its points in few requests, and remembers over reconnections which of them it refuses to read together. */
export interface Unit {
  readonly unit: number
  readonly points: readonly Point[]
  /** Reads those of one interval once, handing over what came as it came. False: the unit does not answer. */
  read(everyMs: number, ask: Ask, tell: (readings: readonly RawReading[]) => void): Promise<Outcome>
  /** All of its points without a value, told once. */
  lose(): RawReading[]
}

export type Ask = (request: ReadRequest) => Promise<Answer | Closed>
export type Outcome = 'answered' | Silence
/** Why nothing can be had of a unit; `why` for a person. `gateway`: a gateway before it says so. */
export interface Silence { readonly kind: 'timeout' | 'malformed' | 'closed' | 'gateway'; readonly why: string }

type Step = { readonly outcome: Outcome; readonly learned: boolean }

export function createUnit({ unit, points, limits, retryRefusedMs, counters, nowUs, nowMs }: UnitOptions): Unit {
  const cuts: Cut[] = []
  const plans = new Map<number, Planned<Point>[]>()

  const learn = (change: () => void) => {
    change()
    plans.clear()
  }
  const planOf = (everyMs: number) => {
    const known = plans.get(everyMs)
    if (known) return known
    const refused = points.filter((point) => point.refused !== null)
    const plan = planRequests(points.filter((point) => point.everyMs === everyMs && point.refused === null), limits, [...cuts, ...refused])
    plans.set(everyMs, plan)
    return plan
  }
  /** One a poll: a hundred refused addresses must not hold up those that are served. */
  const again = (everyMs: number): Planned<Point>[] => {
    const atMs = nowMs()
    const due = points.filter((point) => point.everyMs === everyMs && point.refused !== null && point.refused.retryAtMs <= atMs)
    due.sort((a, b) => (a.refused?.retryAtMs ?? 0) - (b.refused?.retryAtMs ?? 0))
    return due.slice(0, 1).map((point) => ({ table: point.table, start: point.start, count: point.count, items: [point] }))
  }

  return {
    unit,
    points,
    async read(everyMs, ask, tell) {
      // What was refused goes last: it may cost a timeout.
      for (const request of [...planOf(everyMs), ...again(everyMs)]) {
        const { outcome } = await step(request, ask, tell)
        if (outcome !== 'answered') return outcome
      }
      return 'answered'
    },
    lose: () => points.flatMap((point) => tellBad(point, NO_COMMUNICATION, nowUs())),
  }

  async function step(request: Planned<Point>, ask: Ask, tell: (readings: readonly RawReading[]) => void): Promise<Step> {
    const answer = await ask({ unit, table: request.table, start: request.start, count: request.count })
    switch (answer.kind) {
      case 'data': {
        const { data, atUs } = answer
        counters.responses += 1
        const readings = request.items.flatMap((point) => {
          const decoded = decodeValue(point, data, request.start)
          if (!Number.isFinite(decoded.raw)) counters.invalid_values += 1
          return tellValue(point, decoded, atUs)
        })
        if (request.items.some((point) => point.refused !== null)) learn(() => { for (const point of request.items) point.refused = null })
        tell(readings)
        return { outcome: 'answered', learned: false }
      }
      case 'exception':
        counters.exceptions += 1
        return refusal(request, answer.code, answer.atUs, ask, tell)
      case 'timeout':
        counters.timeouts += 1
        return { outcome: { kind: 'timeout', why: 'does not answer in time' }, learned: false }
      case 'malformed':
        counters.malformed += 1
        return { outcome: answer, learned: false }
      case 'closed':
        return { outcome: answer, learned: false }
    }
  }

  async function refusal(request: Planned<Point>, code: number, atUs: number, ask: Ask, tell: (readings: readonly RawReading[]) => void): Promise<Step> {
    const { means, name, quality } = exceptionMeaning(code)
    if (means === 'silent') return { outcome: { kind: 'gateway', why: `does not answer its gateway (exception ${code}: ${name})` }, learned: false }
    if (means === 'address' && request.items.length > 1) return split(request, ask, tell)
    if (means === 'address' || means === 'lasting') {
      learn(() => { for (const point of request.items) point.refused = { code, retryAtMs: nowMs() + retryRefusedMs } })
      tell(request.items.flatMap((point) => tellBad(point, quality, atUs)))
      return { outcome: 'answered', learned: true }
    }
    tell(request.items.flatMap((point) => tellBad(point, quality, atUs)))
    return { outcome: 'answered', learned: false }
  }

  /** Asks for the halves. If both are had, what was refused was their union: they are never put together again. */
  async function split(request: Planned<Point>, ask: Ask, tell: (readings: readonly RawReading[]) => void): Promise<Step> {
    counters.splits += 1
    const [left, right] = halve(request)
    const first = await step(left, ask, tell)
    if (first.outcome !== 'answered') return first
    const second = await step(right, ask, tell)
    if (second.outcome !== 'answered') return { outcome: second.outcome, learned: first.learned }
    if (first.learned || second.learned) return { outcome: 'answered', learned: true }
    const end = left.start + left.count
    const cut: Cut = { table: request.table, start: Math.min(end, right.start), count: Math.max(0, right.start - end) }
    const known = cuts.some(({ table, start, count }) => table === cut.table && start === cut.start && count === cut.count)
    if (!known) learn(() => { cuts.push(cut) })
    return { outcome: 'answered', learned: true }
  }
}
