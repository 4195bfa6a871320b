import type { ObjectStore } from '../../registry/artifacts/object-store.ts'
import { decodeBatch, type DecodedBatch } from '../../registry/domain/codec/decode.ts'
import { DomainError } from '../../registry/domain/errors.ts'
import type { BatchRefusal, RawBatch } from '../../registry/store/raw-batches.ts'

/** A batch with its rows, or why it cannot be read now or ever. */
export type FetchedBatch =
  | { readonly batch: RawBatch; readonly decoded: DecodedBatch }
  | { readonly batch: RawBatch; readonly refusal: BatchRefusal }

/** Fetches at a time: enough to keep the object store busy while earlier ones are decoded. */
const AT_ONCE = 4

/**
 * Gets, checks and decodes batches, in the order given. One that is damaged or gone comes back with its refusal, so
 * that the others can go on; that the store is away is no refusal but an error, for the caller to try again.
 */
export async function fetchBatches(objects: ObjectStore, batches: readonly RawBatch[]): Promise<FetchedBatch[]> {
  const fetched = new Array<FetchedBatch>(batches.length)
  let next = 0
  const work = async (): Promise<void> => {
    for (let i = next++; i < batches.length; i = next++) {
      fetched[i] = await fetchBatch(objects, batches[i]!)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return fetched
}

async function fetchBatch(objects: ObjectStore, batch: RawBatch): Promise<FetchedBatch> {
  try {
    const decoded = decodeBatch(await objects.get('raw', batch.objectKey, batch.digest))
    return { batch, decoded }
  } catch (error) {
    if (!(error instanceof DomainError) || error.code === 'unavailable') throw error
    return { batch, refusal: { code: error.code, reason: error.message } }
  }
}
