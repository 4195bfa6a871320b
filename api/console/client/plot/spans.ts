const DAY = 86_400_000
/** Shorter ones first, in milliseconds. */
const SPANS = { hour: DAY / 24, day: DAY, week: 7 * DAY, month: 31 * DAY, year: 366 * DAY } as const
/** Up to here a first look shows all there is; of more, the last month. */
const WHOLE = 100 * DAY

export type Span = keyof typeof SPANS | 'all'
/** Milliseconds since 1970. */
export interface Extent { from: number; to: number }

/** The spans that show less than all of the data, and `all`. */
export function spansOf(extent: Extent): Span[] {
  const length = extent.to - extent.from
  return [...(Object.keys(SPANS) as (keyof typeof SPANS)[]).filter((span) => SPANS[span] < length * 0.8), 'all']
}

/** What a first look shows: everything, unless that is much and still growing; history that has ended is shown whole. */
export function firstSpan(extent: Extent, live: boolean): Span {
  return live && extent.to - extent.from > WHOLE ? 'month' : 'all'
}

/** The last of the data, as long as the span; never beginning before there is any. */
export function rangeOf(span: Span, extent: Extent): Extent {
  if (span === 'all') return extent
  return { from: Math.max(extent.from, extent.to - SPANS[span]), to: extent.to }
}
