/** Model kinds that can be registered. PCA is the baseline that is always there. */
export const modelKinds = ['pca', 'autoencoder'] as const
export type ModelKind = (typeof modelKinds)[number]

/** At most this many rows go through the library at once: bounds memory, and is past the point where more is faster. */
export const SCORING_BATCH = 8192

/**
 * Something that says how unlike normal a window is. Rows are raw feature values as stored: standardising, and what to
 * do about missing values (NaN), is part of the model, so that nobody can do it differently.
 */
export interface Model {
  readonly kind: ModelKind
  readonly featureCount: number
  /**
   * @param rows n × featureCount, row-major; NaN = missing. Any n ≥ 0: split inside into {@link SCORING_BATCH}
   * A row without a single value scores NaN. The same row gives the same bits, whatever rows are beside it.
   */
  scoreRows(rows: Float64Array, n: number): ModelScores
  /** Gives native memory back. A model that scores again afterwards takes it anew, so a shared one may be disposed of. */
  dispose(): void
}

export interface ModelScores {
  /** n values ≥ 0, higher = less normal; the model's own scale (calibration turns it into a confidence). */
  scores: Float64Array
  /** n × featureCount, ≥ 0: how much each feature adds to the score; 0 where it was missing. */
  residuals: Float64Array
}

/** Refuses rows whose length does not fit: a programming error, loud. */
export function checkRows(rows: Float64Array, n: number, featureCount: number): void {
  if (rows.length !== n * featureCount) {
    throw new RangeError(`${rows.length} values are not ${n} rows of ${featureCount} features`)
  }
}
