import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { before, describe, it } from 'node:test'
import type { ObjectStore } from '../../registry/artifacts/object-store.ts'
import { DomainError } from '../../registry/domain/errors.ts'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const refused = (code: string) => (error: unknown): boolean => error instanceof DomainError && error.code === code

/** What every object store promises. */
export function objectStoreContract(name: string, make: () => Promise<ObjectStore>): void {
  describe(`object store: ${name}`, () => {
    let store: ObjectStore
    before(async () => {
      store = await make()
      await store.ensureBuckets()
    })

    it('makes its buckets again without complaint, and is healthy', async () => {
      await store.ensureBuckets()
      await store.health()
    })

    it('gives back what it took, of any size', async () => {
      for (const size of [0, 1, 70_000, 6_000_000]) {
        const bytes = new Uint8Array(size).map((_, i) => i * 31)
        await store.put('raw', `sizes/${size}`, bytes)
        const back = await store.get('raw', `sizes/${size}`, sha256(bytes))
        assert.equal(back.length, size)
        assert.equal(sha256(back), sha256(bytes))
      }
    })

    it('takes a view of a larger buffer as just that view', async () => {
      await store.put('raw', 'view', Uint8Array.of(1, 2, 3, 4).subarray(1, 3))
      assert.deepEqual([...await store.get('raw', 'view')], [2, 3])
    })

    it('takes the same key twice', async () => {
      await store.put('models', 'twice', Uint8Array.of(1))
      await store.put('models', 'twice', Uint8Array.of(1))
      assert.deepEqual([...await store.get('models', 'twice')], [1])
    })

    it('keeps kinds apart', async () => {
      await store.put('models', 'kind', Uint8Array.of(1))
      assert.equal(await store.exists('models', 'kind'), true)
      assert.equal(await store.exists('datasets', 'kind'), false)
    })

    it('refuses a missing key', async () => {
      await assert.rejects(store.get('raw', 'missing/key'), refused('not_found'))
      assert.equal(await store.exists('raw', 'missing/key'), false)
    })

    it('removes what was put for a while, also when it is gone already', async () => {
      await store.put('raw', '_uploads/piece', Uint8Array.of(1))
      await store.remove('raw', '_uploads/piece')
      await store.remove('raw', '_uploads/piece')
      assert.equal(await store.exists('raw', '_uploads/piece'), false)
    })

    it('refuses bytes that differ from the digest asked for', async () => {
      await store.put('models', 'digest', Uint8Array.of(1, 2))
      await assert.rejects(store.get('models', 'digest', sha256(Uint8Array.of(1, 3))), refused('digest_mismatch'))
    })
  })
}
