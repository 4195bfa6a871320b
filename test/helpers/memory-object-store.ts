import { createHash } from 'node:crypto'
import type { ObjectStore } from '../../registry/artifacts/object-store.ts'
import { refuse } from '../../registry/domain/errors.ts'

/** Objects in memory, for unit tests; keeps the promises of test/contracts/object-store.ts. */
export function createMemoryObjectStore(): ObjectStore & { readonly objects: Map<string, Uint8Array> } {
  const objects = new Map<string, Uint8Array>()
  return {
    objects,
    async ensureBuckets() {},
    async put(bucket, key, bytes) { objects.set(`${bucket}/${key}`, bytes.slice()) },
    async get(bucket, key, expectSha256) {
      const bytes = objects.get(`${bucket}/${key}`) ?? refuse('not_found', `There is no object ${bucket}/${key}.`)
      if (expectSha256 !== undefined && createHash('sha256').update(bytes).digest('hex') !== expectSha256) {
        refuse('digest_mismatch', `Object ${bucket}/${key} differs from what its digest says.`)
      }
      return bytes.slice()
    },
    async remove(bucket, key) { objects.delete(`${bucket}/${key}`) },
    async exists(bucket, key) { return objects.has(`${bucket}/${key}`) },
    async health() {},
  }
}
