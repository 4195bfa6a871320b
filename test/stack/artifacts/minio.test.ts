import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Client, RETENTION_MODES, RETENTION_VALIDITY_UNITS } from 'minio'
import { createMinioStore } from '../../../registry/artifacts/minio.ts'
import { DomainError } from '../../../registry/domain/errors.ts'
import { objectStoreContract } from '../../contracts/object-store.ts'
import { freshPrefix, useStack } from '../../helpers/stack.ts'

objectStoreContract('MinIO', async () => {
  const { connections } = await useStack()
  return createMinioStore({ ...connections.s3, bucketPrefix: freshPrefix() })
})

/** Past our store: what is there, as an operator sees and sets it. */
function clientOf({ endpoint, accessKey, secretKey }: { readonly endpoint: string; readonly accessKey: string; readonly secretKey: string }): Client {
  const url = new URL(endpoint)
  return new Client({ endPoint: url.hostname, port: Number(url.port), useSSL: false, accessKey, secretKey })
}

describe('MinIO', () => {
  it('locks the buckets of what must not vanish, and not the raw batches', async () => {
    const { s3 } = (await useStack()).connections
    const bucketPrefix = freshPrefix()
    await createMinioStore({ ...s3, bucketPrefix }).ensureBuckets()
    const client = clientOf(s3)
    // Its types name an overload without a result first.
    const lockOf = (kind: string) => client.getObjectLockConfig(`${bucketPrefix}-${kind}`) as unknown as Promise<{ objectLockEnabled: string }>
    for (const kind of ['models', 'datasets', 'ledger']) {
      assert.equal((await lockOf(kind)).objectLockEnabled, 'Enabled')
    }
    await assert.rejects(lockOf('raw'))
  })

  it('keeps checkpoints of the ledger for years, unless the operator chose another retention', async () => {
    const { s3 } = (await useStack()).connections
    const bucketPrefix = freshPrefix()
    const store = createMinioStore({ ...s3, bucketPrefix })
    await store.ensureBuckets()
    const client = clientOf(s3)
    const lock = () => client.getObjectLockConfig(`${bucketPrefix}-ledger`) as unknown as Promise<{ mode: string; unit: string; validity: number }>
    const retentionOf = async () => {
      const { mode, unit, validity } = await lock()
      return [mode, unit, validity]
    }
    assert.deepEqual(await retentionOf(), ['GOVERNANCE', 'Years', 10])
    await store.put('ledger', 'kept', Uint8Array.of(1))
    const { versionId } = await client.statObject(`${bucketPrefix}-ledger`, 'kept')
    await assert.rejects(client.removeObject(`${bucketPrefix}-ledger`, 'kept', { versionId: versionId! }))
    assert.deepEqual([...await store.get('ledger', 'kept')], [1])
    const chosen = { mode: RETENTION_MODES.GOVERNANCE, unit: RETENTION_VALIDITY_UNITS.DAYS, validity: 400 }
    await (client.setObjectLockConfig(`${bucketPrefix}-ledger`, chosen) as unknown as Promise<void>)
    await store.ensureBuckets()
    assert.deepEqual(await retentionOf(), ['GOVERNANCE', 'Days', 400])
  })

  it('has the store remove pieces of an upload that went no further, unless the operator set a lifecycle', async () => {
    const { s3 } = (await useStack()).connections
    const bucketPrefix = freshPrefix()
    const store = createMinioStore({ ...s3, bucketPrefix })
    await store.ensureBuckets()
    const client = clientOf(s3)
    // One rule comes as itself, several as a list.
    const rule = async () => [(await client.getBucketLifecycle(`${bucketPrefix}-raw`))?.Rule].flat()[0]
    const ours = await rule()
    assert.deepEqual([ours?.Status, (ours?.Filter as { Prefix: string }).Prefix, Number(ours?.Expiration?.Days)], ['Enabled', '_uploads/', 2])
    await client.setBucketLifecycle(`${bucketPrefix}-raw`, { Rule: [{ ID: 'own', Status: 'Enabled', Filter: { Prefix: 'x/' }, Expiration: { Days: 400 } }] })
    await store.ensureBuckets()
    assert.equal((await rule())?.ID, 'own')
  })

  it('leaves a ledger bucket that was made without object lock as it is', async () => {
    const { s3 } = (await useStack()).connections
    const bucketPrefix = freshPrefix()
    const client = clientOf(s3)
    await client.makeBucket(`${bucketPrefix}-ledger`, s3.region)
    const store = createMinioStore({ ...s3, bucketPrefix })
    await store.ensureBuckets()
    await store.put('ledger', 'k', Uint8Array.of(1))
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
