import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { createCheckpointSigner, putCheckpoint, readCheckpoint } from '../../../registry/artifacts/checkpoint.ts'
import { createMinioStore } from '../../../registry/artifacts/minio.ts'
import { platformActor } from '../../../registry/domain/access/rights.ts'
import { sealEntries, type LedgerEntry, type LedgerSeal } from '../../../registry/domain/ledger/chain.ts'
import { completeCheckpoints, sealLedger } from '../../../registry/services/seal-ledger.ts'
import { verifyLedger } from '../../../registry/services/verify-ledger.ts'
import { sealedRows } from '../../../registry/store/ledger-chain.ts'
import { appendLedger } from '../../../registry/store/ledger.ts'
import { createPool, type Pool } from '../../../registry/store/pool.ts'
import { inSite } from '../../../registry/store/transaction.ts'
import pg from 'pg'
import { freshDatabase, freshPrefix, useStack, type TestDatabase } from '../../helpers/stack.ts'

const SITE = 'works'
const actor = platformActor('test')
const newSigner = () => createCheckpointSigner(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())

describe('signed checkpoints of the ledger', () => {
  let database: TestDatabase
  let pool: Pool
  let owner: pg.Pool
  let objects: ReturnType<typeof createMinioStore>
  const signer = newSigner()
  before(async () => {
    const stack = await useStack()
    database = await freshDatabase(stack)
    pool = createPool(database.url, { max: 3 })
    owner = new pg.Pool({ connectionString: database.adminUrl, max: 1 })
    objects = createMinioStore({ ...stack.connections.s3, bucketPrefix: freshPrefix() })
    await objects.ensureBuckets()
    await inSite(pool, SITE, (tx) => tx.query('insert into site (site_id, name) values ($1, $1)', [SITE]))
  })
  after(async () => {
    await pool?.end()
    await owner?.end()
    await database?.drop()
  })

  const append = async (count: number) => {
    for (let i = 0; i < count; i++) await inSite(pool, SITE, (tx) => appendLedger(tx, { kind: 'release.made', subject: `release/pumps-r${i}`, actor, body: { i } }))
  }
  const seal = async (by: typeof signer | null = signer) => { while (await sealLedger({ pool, objects, signer: by }) > 0); }
  const verify = () => verifyLedger({ pool, objects, nowUs: () => 0 }, actor, { site: SITE })
  const rows = () => inSite(pool, SITE, (tx) => sealedRows(tx, SITE, 0, 1000))
  /** As somebody who owns the database: past privileges and triggers. */
  const rewrite = async (seals: readonly LedgerSeal[]) => {
    await owner.query('alter table ledger_seal disable trigger user')
    for (const each of seals) await owner.query('update ledger_seal set previous_hash = $3, hash = $4 where site_id = $1 and sequence = $2', [SITE, each.sequence, each.previousHash, each.hash])
    await owner.query('alter table ledger_seal enable trigger user')
  }

  it('are made of every entry, by the key that is published beside them; what came before signing stays valid', async () => {
    await append(3)
    await seal(null)
    assert.deepEqual([(await verify()).ok, (await verify()).signedBy], [true, null])
    await completeCheckpoints({ pool, objects, signer })
    await append(9)
    await seal()
    const { ok, checked, signedBy, problem } = await verify()
    assert.deepEqual([ok, checked, signedBy, problem], [true, 12, signer.keyId, null])
    const other = newSigner()
    await completeCheckpoints({ pool, objects, signer: other })
    await append(1)
    await seal(other)
    assert.deepEqual([(await verify()).ok, (await verify()).signedBy], [true, other.keyId], 'another key from now on; the former one’s signatures hold')
  })

  it('tell of a chain that was made anew, hashes and all, from which entry on', async () => {
    const found = await rows()
    const entries = found.map(({ entry }) => entry as LedgerEntry)
    const before = found.map(({ seal: each }) => each)
    await owner.query('alter table ledger_entry disable trigger user')
    const changed = entries.map((entry, i) => (i === 6 ? { ...entry, body: '{"i":"another"}' } : entry))
    await owner.query('update ledger_entry set body = $2 where entry_id = $1', [entries[6]!.entryId, changed[6]!.body])
    await rewrite(sealEntries(null, changed))
    const { ok, problem, place } = await verify()
    assert.deepEqual([ok, place?.sequence, place?.what], [false, 7, 'changed'])
    assert.match(problem ?? '', /entry 7 is not the one that its checkpoint was made of: the chain was made anew from there on/)
    await owner.query('update ledger_entry set body = $2 where entry_id = $1', [entries[6]!.entryId, entries[6]!.body])
    await owner.query('alter table ledger_entry enable trigger user')
    await rewrite(before)
    assert.equal((await verify()).ok, true)
  })

  it('that somebody else put there are told by their signature', async () => {
    const last = (await rows()).at(-1)!.seal
    const genuine = await readCheckpoint(objects, SITE, last.sequence)
    // A key that nobody published, and a signature over something else.
    for (const forged of [{ ...genuine, signature: { key: newSigner().keyId, value: genuine!.signature!.value } }, { ...genuine, signature: { ...genuine!.signature, value: signer.sign('something else') } }, { ...genuine, signature: { ...genuine!.signature, value: 'no signature' } }]) {
      await objects.put('ledger', `${SITE}/${String(last.sequence).padStart(12, '0')}.json`, Buffer.from(JSON.stringify(forged)))
      const { ok, problem } = await verify()
      assert.equal(ok, false)
      assert.match(problem ?? '', new RegExp(`checkpoint of entry ${last.sequence} does not bear the signature of the key it names`))
    }
    await putCheckpoint(objects, signer, SITE, last)
    assert.equal((await verify()).ok, true)
  })
})
