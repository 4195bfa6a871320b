/** What the platform keeps as objects; each kind is a bucket of its own (`<prefix>-<kind>`). */
export type BucketKind = 'raw' | 'models' | 'datasets' | 'ledger'

/**
 * Content-addressed objects in MinIO or any S3-compatible store. Keys come from the content's digest where the kind
 * allows it, so that putting twice is putting once.
 */
export interface ObjectStore {
  /** Makes missing buckets; `models`, `datasets` and `ledger` with object lock; what `ledger` holds is kept for years by default. Safe to run twice. */
  ensureBuckets(): Promise<void>
  /** Resolves only when the store has confirmed the write. `sha256`: hex, for callers that have it already. */
  put(bucket: BucketKind, key: string, bytes: Uint8Array, contentType?: string, sha256?: string): Promise<void>
  /** Refuses (`not_found`) a missing key; (`digest_mismatch`) when `expectSha256` is given and the bytes differ. */
  get(bucket: BucketKind, key: string, expectSha256?: string): Promise<Uint8Array>
  exists(bucket: BucketKind, key: string): Promise<boolean>
  health(): Promise<void>
}
