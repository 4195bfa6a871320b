import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Client } from 'minio'
import { createMinioStore } from '../../../registry/artifacts/minio.ts'
import { DomainError } from '../../../registry/domain/errors.ts'
import { objectStoreContract } from '../../contracts/object-store.ts'
import { freshPrefix, useStack } from '../../helpers/stack.ts'

objectStoreContract('MinIO', async () => {
  const { connections } = await useStack()
  return createMinioStore({ ...connections.s3, bucketPrefix: freshPrefix() })
})

describe('MinIO', () => {
  it('locks the buckets of what must not vanish, and not the raw batches', async () => {
    const { s3 } = (await useStack()).connections
    const bucketPrefix = freshPrefix()
    await createMinioStore({ ...s3, bucketPrefix }).ensureBuckets()
    const url = new URL(s3.endpoint)
    const client = new Client({ endPoint: url.hostname, port: Number(url.port), useSSL: false, accessKey: s3.accessKey, secretKey: s3.secretKey })
    // Its types name an overload without a result first.
    const lockOf = (kind: string) => client.getObjectLockConfig(`${bucketPrefix}-${kind}`) as unknown as Promise<{ objectLockEnabled: string }>
    for (const kind of ['models', 'datasets', 'ledger']) {
      assert.equal((await lockOf(kind)).objectLockEnabled, 'Enabled')
    }
    await assert.rejects(lockOf('raw'))
  })

  it('says "unavailable", not "missing", when nobody answers', async () => {
    const away = createMinioStore({ endpoint: 'http://127.0.0.1:1', region: 'us-east-1', accessKey: 'a', secretKey: 'b', bucketPrefix: 'x', retryWaitsMs: [1, 1] })
    for (const call of [() => away.get('raw', 'k'), () => away.put('raw', 'k', new Uint8Array(1)), () => away.exists('raw', 'k'), () => away.health()]) {
      await assert.rejects(call, (error) => error instanceof DomainError && error.code === 'unavailable' && error.message.includes('127.0.0.1:1'))
    }
  })

  it('refuses a wrong secret without trying again', async () => {
    const { s3 } = (await useStack()).connections
    const store = createMinioStore({ ...s3, secretKey: 'wrong-secret', bucketPrefix: freshPrefix(), retryWaitsMs: [60_000] })
    await assert.rejects(store.put('raw', 'k', new Uint8Array(1)))
  })
})
