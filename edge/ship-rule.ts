import { z } from 'zod'
import { tagKeySchema } from '../registry/domain/contract/primitives.ts'
import { BAD, QUALITY_LEVEL_MASK, qualityReasons, worse } from '../registry/domain/contract/quality.ts'

/** Which of a tag's readings go to the platform; what does not stays in the raw store for its set time. All unless told. */
export const shipRuleSchema = z.union([
  z.literal('all'),
  z.strictObject({
    onChange: z.strictObject({
      deadband: z.number().min(0).default(0).describe('Smallest change worth shipping, in the canonical unit'),
      atLeastEverySeconds: z.number().positive().optional().describe('Ship one after so long, changed or not'),
    }),
  }),
  z.strictObject({ every: z.strictObject({ seconds: z.number().positive() }).describe('The first reading or waveform of each interval') }),
  z.strictObject({
    aggregate: z.strictObject({
      everySeconds: z.number().positive(),
      of: z.enum(['mean', 'min', 'max', 'std', 'last', 'count']).describe('Over the readings of the interval that are not bad'),
    }).describe('One value for each interval, at its end; intervals are counted from 1970'),
  }),
  z.strictObject({
    around: z.strictObject({
      tag: tagKeySchema.optional().describe('Whose value tells; the tag\'s own unless told'),
      above: z.number().optional(),
      below: z.number().optional(),
      beforeSeconds: z.number().min(0),
      afterSeconds: z.number().positive(),
    }).refine(({ above, below }) => above !== undefined || below !== undefined, { error: 'say above, below or both' })
      .describe('Only what was measured around an event: taken from the raw store when it is over, and shipped as backfill'),
  }),
])
export type ShipRule = z.infer<typeof shipRuleSchema>

/** Readings of one tag, times ascending (UTC µs), all of the same length. */
export interface ShipColumns {
  readonly sourceUs: Float64Array
  readonly gatewayUs: Float64Array
  readonly raw: Float64Array
  readonly value: Float64Array
  readonly quality: Uint16Array
}

/** Plain JSON, kept with the batch that shipped what it tells of. */
export type ShipState =
  | { readonly kind: 'last'; readonly us: number; readonly value: number | null; readonly quality: number }
  | { readonly kind: 'interval'; readonly endUs: number }
  | { readonly kind: 'sum'; readonly endUs: number; readonly n: number; readonly sum: number; readonly squares: number; readonly min: number; readonly max: number; readonly last: number; readonly quality: number; readonly gatewayUs: number }

export interface Shipped {
  /** The columns given when all of them ship. */
  readonly columns: ShipColumns
  readonly state: ShipState | undefined
}


/** What ships of a stretch of readings, and what the next stretch must know. `around` and `all` ship nothing and all. */
export function applyShipRule(rule: ShipRule, columns: ShipColumns, before: ShipState | undefined): Shipped {
  if (rule === 'all') return { columns, state: undefined }
  if ('around' in rule) return { columns: pick(columns, []), state: undefined }
  if ('onChange' in rule) return onChange(rule.onChange, columns, before?.kind === 'last' ? before : undefined)
  if ('every' in rule) return firstOfEach(rule.every.seconds * 1e6, columns, before?.kind === 'interval' ? before : undefined)
  return aggregate(rule.aggregate, columns, before?.kind === 'sum' ? before : undefined)
}

function onChange(
  { deadband, atLeastEverySeconds = Infinity }: { deadband: number; atLeastEverySeconds?: number | undefined }, columns: ShipColumns, before: Extract<ShipState, { kind: 'last' }> | undefined,
): Shipped {
  const kept: number[] = []
  let last = before
  for (let i = 0; i < columns.value.length; i++) {
    const us = columns.sourceUs[i] as number
    const quality = columns.quality[i] as number
    const value = Number.isFinite(columns.value[i]) ? (columns.value[i] as number) : null
    const former = last?.value ?? null
    const change = value === null || former === null ? (value === former ? 0 : Infinity) : Math.abs(value - former)
    if (last && quality === last.quality && !(change > deadband) && us - last.us < atLeastEverySeconds * 1e6) continue
    kept.push(i)
    last = { kind: 'last', us, value, quality }
  }
  return { columns: pick(columns, kept), state: last }
}

function firstOfEach(everyUs: number, columns: ShipColumns, before: Extract<ShipState, { kind: 'interval' }> | undefined): Shipped {
  const kept: number[] = []
  let endUs = before?.endUs ?? -Infinity
  for (let i = 0; i < columns.value.length; i++) {
    const us = columns.sourceUs[i] as number
    if (us < endUs) continue
    kept.push(i)
    endUs = intervalEnd(us, everyUs)
  }
  return { columns: pick(columns, kept), state: Number.isFinite(endUs) ? { kind: 'interval', endUs } : undefined }
}

type Sum = Extract<ShipState, { kind: 'sum' }>

function aggregate({ everySeconds, of }: { everySeconds: number; of: 'mean' | 'min' | 'max' | 'std' | 'last' | 'count' }, columns: ShipColumns, before: Sum | undefined): Shipped {
  const everyUs = everySeconds * 1e6
  const done: Sum[] = []
  let open = before
  for (let i = 0; i < columns.value.length; i++) {
    const us = columns.sourceUs[i] as number
    const quality = columns.quality[i] as number
    const value = columns.value[i] as number
    if (open && us >= open.endUs) {
      done.push(open)
      open = undefined
    }
    // Late for its interval: that one has been shipped.
    if (open && us < open.endUs - everyUs) continue
    const bad = !Number.isFinite(value) || (quality & QUALITY_LEVEL_MASK) >= BAD
    const gatewayUs = columns.gatewayUs[i] as number
    open ??= { kind: 'sum', endUs: intervalEnd(us, everyUs), n: 0, sum: 0, squares: 0, min: 0, max: 0, last: 0, quality: 0, gatewayUs }
    open = bad ? { ...open, gatewayUs } : {
      ...open, gatewayUs, n: open.n + 1, sum: open.sum + value, squares: open.squares + value * value, last: value,
      min: open.n === 0 ? value : Math.min(open.min, value), max: open.n === 0 ? value : Math.max(open.max, value), quality: worse(open.quality, quality),
    }
  }
  const values = Float64Array.from(done, (sum) => valueOf(sum, of))
  return {
    columns: {
      sourceUs: Float64Array.from(done, ({ endUs }) => endUs), gatewayUs: Float64Array.from(done, ({ gatewayUs }) => gatewayUs), raw: values, value: values,
      // An interval in which every reading was bad says so.
      quality: Uint16Array.from(done, ({ n, quality }) => (n === 0 && of !== 'count' ? BAD | qualityReasons.missing : quality)),
    },
    state: open,
  }
}

function valueOf({ n, sum, squares, min, max, last }: Sum, of: 'mean' | 'min' | 'max' | 'std' | 'last' | 'count'): number {
  if (of === 'count') return n
  if (n === 0) return NaN
  if (of === 'mean') return sum / n
  if (of === 'std') return Math.sqrt(Math.max(0, squares / n - (sum / n) ** 2))
  return { min, max, last }[of]
}

const intervalEnd = (us: number, everyUs: number) => (Math.floor(us / everyUs) + 1) * everyUs

export function pick(columns: ShipColumns, rows: readonly number[]): ShipColumns {
  if (rows.length === columns.value.length) return columns
  return {
    sourceUs: Float64Array.from(rows, (i) => columns.sourceUs[i] as number), gatewayUs: Float64Array.from(rows, (i) => columns.gatewayUs[i] as number),
    raw: Float64Array.from(rows, (i) => columns.raw[i] as number), value: Float64Array.from(rows, (i) => columns.value[i] as number),
    quality: Uint16Array.from(rows, (i) => columns.quality[i] as number),
  }
}
