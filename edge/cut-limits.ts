/** When a batch is full, or due. */
export interface CutLimits {
  /** Readings in a batch, 50,000 unless told. */
  readonly rows: number
  /** Samples in a batch of waveforms, 500,000 unless told. */
  readonly samples: number
  /** Longest a reading waits for others to share its batch, 1,000 ms unless told. */
  readonly waitMs: number
  /** Batches that may wait to be shipped; beyond it readings stay raw, so that order is chosen when the connection is back. 16 unless told. */
  readonly queued: number
}
export const defaultCutLimits: CutLimits = { rows: 50_000, samples: 500_000, waitMs: 1_000, queued: 16 }
