/** What the platform keeps as objects; each kind is a bucket of its own (`<prefix>-<kind>`). */
export type BucketKind = 'raw' | 'models' | 'datasets' | 'ledger'

/**
 * Keys in `raw` that begin so are put for a while, an upload in pieces: whoever put them removes them, and the store itself does
 * after some days where nobody did. No site's id begins so.
 */
export const PASSING = '_uploads/'

/**
 * Content-addressed objects in MinIO or any S3-compatible store. Keys come from the content's digest where the kind
 * allows it, so that putting twice is putting once.
 */
export interface ObjectStore {
  /** Makes missing buckets; `models`, `datasets` and `ledger` with object lock; what `ledger` holds is kept for years by default, what is under `PASSING` for days. Safe to run twice. */
  ensureBuckets(): Promise<void>
  /** Resolves only when the store has confirmed the write. `sha256`: hex, for callers that have it already. */
  put(bucket: BucketKind, key: string, bytes: Uint8Array, contentType?: string, sha256?: string): Promise<void>
  /** Refuses (`not_found`) a missing key; (`digest_mismatch`) when `expectSha256` is given and the bytes differ. */
  get(bucket: BucketKind, key: string, expectSha256?: string): Promise<Uint8Array>
  /** Of what was put for a while only; gone is gone, also when it was not there. */
  remove(bucket: 'raw', key: `${typeof PASSING}${string}`): Promise<void>
  exists(bucket: BucketKind, key: string): Promise<boolean>
  health(): Promise<void>
}
