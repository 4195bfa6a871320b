/**
 * Readings of one tag, column by column and in time order; readings at the same time stand in order of occurrence.
 * `raws` null: the device's values equal `values`. `quality` null: all good.
 */
export interface Run {
  readonly timesUs: Float64Array
  readonly values: Float64Array
  readonly raws: Float64Array | null
  readonly quality: Uint16Array | null
}

/**
 * A run as one batch left it. Revision 0 is the first knowledge of its readings. A higher one replaces, at each of its
 * times, occurrence by occurrence: it holds the readings of that time from the first occurrence on, so that the place
 * of a reading within its time is its occurrence.
 */
export interface StoredChunk extends Run {
  readonly tagRef: number
  readonly revision: number
  readonly batchId: number
  /** When it became known; what an as-of read compares. */
  readonly commitNumber: number
  /** When its batch reached the landing zone. */
  readonly receivedUs: number
}

/** What was known of a tag in an interval of event time. */
export interface MergedRun extends Run {
  /** Newest commit and newest landing among the chunks that gave a reading; 0 where there is none. */
  readonly commitNumber: number
  readonly receivedUs: number
}

/** An interval of event time, half open: [fromUs, toUs). */
export interface Span {
  readonly fromUs: number
  readonly toUs: number
}

/** One stored waveform; canonical = samples · scale + offset. */
export interface StoredWaveform {
  readonly tagRef: number
  readonly startUs: number
  readonly intervalUs: number
  readonly scale: number
  readonly offset: number
  readonly quality: number
  readonly samples: Float32Array
  readonly revision: number
  readonly batchId: number
  readonly commitNumber: number
  readonly receivedUs: number
}
