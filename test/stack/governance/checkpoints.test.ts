import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { createCheckpointSigner, putCheckpoint, readCheckpoint, type CheckpointSigner } from '../../../registry/artifacts/checkpoint.ts'
import { createMinioStore } from '../../../registry/artifacts/minio.ts'
import { platformActor } from '../../../registry/domain/access/rights.ts'
import { DomainError } from '../../../registry/domain/errors.ts'
import { sealEntries, type LedgerEntry, type LedgerSeal } from '../../../registry/domain/ledger/chain.ts'
import { completeCheckpoints, sealLedger } from '../../../registry/services/seal-ledger.ts'
import { verifyLedger } from '../../../registry/services/verify-ledger.ts'
import { insertSeals, sealedRows, unsealedEntries } from '../../../registry/store/ledger-chain.ts'
import { appendLedger } from '../../../registry/store/ledger.ts'
import { createPool, type Pool } from '../../../registry/store/pool.ts'
import { inSite } from '../../../registry/store/transaction.ts'
import pg from 'pg'
import { freshDatabase, freshPrefix, useStack, type TestDatabase } from '../../helpers/stack.ts'

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
  })
  after(async () => {
    await pool?.end()
    await owner?.end()
    await database?.drop()
  })

  /** What the sealer refused, by site. */
  type Refused = Map<string, string>
  const sealing = (by: CheckpointSigner | null, refused: Refused) => ({ pool, objects, signer: by, onRefused: (site: string, { message }: DomainError) => { refused.set(site, message) } })
  const seal = async (by: CheckpointSigner | null = signer): Promise<Refused> => {
    const refused: Refused = new Map()
    while (await sealLedger(sealing(by, refused)) > 0);
    return refused
  }
  const complete = async (by: CheckpointSigner | null = signer): Promise<Refused> => {
    const refused: Refused = new Map()
    await completeCheckpoints(sealing(by, refused))
    return refused
  }

  /** A site with a ledger of its own, and what somebody who owns the database or the bucket can do to it. */
  async function openSite(site: string) {
    await inSite(pool, site, (tx) => tx.query('insert into site (site_id, name) values ($1, $1)', [site]))
    const rows = () => inSite(pool, site, (tx) => sealedRows(tx, site, 0, 1000))
    const place = (sequence: number) => `${site}/${String(sequence).padStart(12, '0')}.json`
    /** Past privileges and triggers. */
    const asOwner = async (sql: string, values: unknown[]) => {
      for (const table of ['ledger_seal', 'ledger_entry']) await owner.query(`alter table ${table} disable trigger user`)
      await owner.query(sql, values)
      for (const table of ['ledger_seal', 'ledger_entry']) await owner.query(`alter table ${table} enable trigger user`)
    }
    const writeSeals = async (seals: readonly LedgerSeal[]) => {
      for (const each of seals) await asOwner('update ledger_seal set previous_hash = $3, hash = $4 where site_id = $1 and sequence = $2', [site, each.sequence, each.previousHash, each.hash])
    }
    return {
      rows, asOwner,
      append: async (count: number) => {
        for (let i = 0; i < count; i++) await inSite(pool, site, (tx) => appendLedger(tx, { kind: 'release.made', subject: `release/pumps-r${i}`, actor, body: { i } }))
      },
      verify: () => verifyLedger({ pool, objects, nowUs: () => 0 }, actor, { site }),
      /** Makes the whole chain anew around another body of one entry; gives what takes it back. */
      rewrite: async (sequence: number) => {
        const found = await rows()
        const entries = found.map(({ entry }) => entry as LedgerEntry)
        const changed = entries.map((entry, i) => (i === sequence - 1 ? { ...entry, body: '{"i":"another"}' } : entry))
        const writeBody = (entry: LedgerEntry) => asOwner('update ledger_entry set body = $2 where entry_id = $1', [entry.entryId, entry.body])
        await writeBody(changed[sequence - 1]!)
        await writeSeals(sealEntries(null, changed))
        return async () => {
          await writeBody(entries[sequence - 1]!)
          await writeSeals(found.map(({ seal: each }) => each))
        }
      },
      read: async (sequence: number) => (await readCheckpoint(objects, site, sequence))!,
      put: (sequence: number, checkpoint: unknown) => objects.put('ledger', place(sequence), Buffer.from(JSON.stringify(checkpoint))),
    }
  }

  it('are made of every entry, by the key that is published beside them; what came before signing stays valid', async () => {
    const works = await openSite('works')
    await works.append(3)
    await seal(null)
    assert.deepEqual([(await works.verify()).ok, (await works.verify()).signedBy], [true, null])
    await complete()
    await works.append(9)
    await seal()
    const { ok, checked, signedBy, problem } = await works.verify()
    assert.deepEqual([ok, checked, signedBy, problem], [true, 12, signer.keyId, null])
    const other = newSigner()
    await complete(other)
    await works.append(1)
    await seal(other)
    assert.deepEqual([(await works.verify()).ok, (await works.verify()).signedBy], [true, other.keyId], 'another key from now on; the former one’s signatures hold')
  })

  it('tell of a chain that was made anew, hashes and all, from which entry on', async () => {
    const anew = await openSite('anew')
    await anew.append(12)
    await seal()
    const undo = await anew.rewrite(7)
    const { ok, problem, place } = await anew.verify()
    assert.deepEqual([ok, place?.sequence, place?.what], [false, 7, 'changed'])
    assert.match(problem ?? '', /entry 7 is not the one that its checkpoint was made of: the chain was made anew from there on/)
    await undo()
    assert.equal((await anew.verify()).ok, true)
  })

  it('keep the sealer from going on with a chain that was made anew, while other sites go on', async () => {
    const [anew, other] = [await openSite('extended'), await openSite('other')]
    await anew.append(12)
    await seal()
    const undo = await anew.rewrite(7)
    await anew.append(1)
    await other.append(1)
    const refused = await seal()
    assert.match(refused.get('extended') ?? '', /checkpoint of entry 12 of extended was made of another entry/)
    const { ok, place } = await anew.verify()
    assert.deepEqual([ok, place?.sequence], [false, 7])
    assert.deepEqual([refused.has('other'), (await other.verify()).checked, (await anew.rows()).length], [false, 1, 12])
    await undo()
    assert.equal((await seal()).has('extended'), false)
    assert.deepEqual([(await anew.verify()).ok, (await anew.verify()).checked], [true, 13])
  })

  it('tell of a chain that was made anew, although a genuine entry was sealed behind it', async () => {
    const anew = await openSite('deceived')
    await anew.append(12)
    await seal()
    await anew.rewrite(7)
    await anew.append(1)
    // By a sealer that trusts the database alone.
    const last = (await anew.rows()).at(-1)!.seal
    const seals = await inSite(pool, 'deceived', async (tx) => {
      const made = sealEntries(last, await unsealedEntries(tx, ['deceived'], 10))
      await insertSeals(tx, 'deceived', made)
      return made
    })
    for (const each of seals) await putCheckpoint(objects, signer, 'deceived', each)
    const { ok, place } = await anew.verify()
    assert.deepEqual([ok, place?.sequence, place?.what], [false, 7, 'changed'])
  })

  it('are not replaced by those of a chain made anew, nor is that one signed after a start', async () => {
    const anew = await openSite('restarted')
    await anew.append(5)
    await seal()
    const genuine = await anew.read(5)
    await anew.rewrite(2)
    await assert.rejects(putCheckpoint(objects, signer, 'restarted', (await anew.rows())[4]!.seal), (error) => error instanceof DomainError && error.code === 'digest_mismatch')
    // An entry that a former sealer did not come to make a checkpoint of.
    await anew.append(1)
    const last = (await anew.rows()).at(-1)!.seal
    await inSite(pool, 'restarted', async (tx) => { await insertSeals(tx, 'restarted', sealEntries(last, await unsealedEntries(tx, ['restarted'], 10))) })
    assert.match((await complete()).get('restarted') ?? '', /checkpoint of entry 5 of restarted was made of another entry/)
    assert.deepEqual([await anew.read(5), await readCheckpoint(objects, 'restarted', 6)], [genuine, null])
  })

  it('are completed before the sealer goes on, and signed where they were not', async () => {
    const late = await openSite('late')
    await late.append(2)
    await seal()
    await late.append(2)
    const last = (await late.rows()).at(-1)!.seal
    await inSite(pool, 'late', async (tx) => { await insertSeals(tx, 'late', sealEntries(last, await unsealedEntries(tx, ['late'], 10))) })
    assert.deepEqual([(await late.verify()).ok, (await late.verify()).signedBy], [true, signer.keyId], 'the newest may be on their way')
    await late.append(1)
    await seal()
    assert.deepEqual([(await late.verify()).problem, (await late.read(3)).signature?.key, (await late.read(5)).signature?.key], [null, signer.keyId, signer.keyId])
    const { signature, ...unsigned } = await late.read(5)
    await late.put(5, unsigned)
    await putCheckpoint(objects, null, 'late', (await late.rows())[4]!.seal)
    assert.equal((await late.read(5)).signature, undefined)
    await putCheckpoint(objects, signer, 'late', (await late.rows())[4]!.seal)
    assert.deepEqual((await late.read(5)).signature, signature)
  })

  it('keep the sealer from sealing another entry in the place of one that is gone', async () => {
    const cut = await openSite('cut')
    await cut.append(3)
    await seal()
    const gone = (await cut.rows())[2]!.seal
    await cut.asOwner('delete from ledger_seal where entry_id = $1', [gone.entryId])
    await cut.asOwner('delete from ledger_entry where entry_id = $1', [gone.entryId])
    await cut.append(1)
    assert.match((await seal()).get('cut') ?? '', /Entry 3 of cut was sealed once/)
    const { ok, place } = await cut.verify()
    assert.deepEqual([ok, place?.sequence, place?.what], [false, 3, 'removed'])
  })

  it('are signed from the first signature on: one stripped of its signature is told, and a sealer without a key does not go on', async () => {
    const stripped = await openSite('stripped')
    await stripped.append(2)
    await seal(null)
    await stripped.append(3)
    await seal()
    await stripped.append(1)
    assert.match((await seal(null)).get('stripped') ?? '', /are signed, and this sealer has no key/)
    await seal()
    for (const sequence of [4, 6]) {
      const genuine = await stripped.read(sequence)
      const { signature: _, ...unsigned } = genuine
      await stripped.put(sequence, unsigned)
      const { ok, problem, place } = await stripped.verify()
      assert.deepEqual([ok, place?.sequence], [false, sequence])
      assert.match(problem ?? '', new RegExp(`checkpoint of entry ${sequence} is not signed, although those before it are`))
      await stripped.put(sequence, genuine)
    }
    assert.equal((await stripped.verify()).ok, true)
  })

  it('that are missing before a later one are told by their entry', async () => {
    const holed = await openSite('holed')
    await holed.append(20)
    const entries = await inSite(pool, 'holed', (tx) => unsealedEntries(tx, ['holed'], 100))
    const seals = sealEntries(null, entries)
    await inSite(pool, 'holed', (tx) => insertSeals(tx, 'holed', seals))
    for (const each of seals) if (each.sequence !== 2 && each.sequence !== 3) await putCheckpoint(objects, signer, 'holed', each)
    const { ok, problem, place } = await holed.verify()
    assert.deepEqual([ok, place?.sequence, place?.what], [false, 2, 'removed'])
    assert.match(problem ?? '', /checkpoint of entry 2 is gone: that of entry 4, made later, is there/)
  })

  it('that come while they are looked for are no hole', async () => {
    const growing = await openSite('growing')
    await growing.append(20)
    const entries = await inSite(pool, 'growing', (tx) => unsealedEntries(tx, ['growing'], 100))
    const seals = sealEntries(null, entries)
    await inSite(pool, 'growing', (tx) => insertSeals(tx, 'growing', seals))
    let reads = 0
    const slow = {
      ...objects,
      // All are made after the first sixteen were looked for in vain.
      get: async (...args: Parameters<typeof objects.get>) => {
        if (++reads === 17) for (const each of seals) await putCheckpoint(objects, signer, 'growing', each)
        return objects.get(...args)
      },
    }
    const { ok, checked, problem } = await verifyLedger({ pool, objects: slow, nowUs: () => 0 }, actor, { site: 'growing' })
    assert.deepEqual([ok, checked, problem], [true, 20, null])
    assert.ok(reads > 17)
  })

  it('that somebody else put there are told by their signature', async () => {
    const forging = await openSite('forging')
    await forging.append(3)
    await seal()
    const genuine = await forging.read(3)
    // A key that nobody published, and a signature over something else.
    for (const signature of [{ ...genuine.signature!, key: newSigner().keyId }, { ...genuine.signature!, value: signer.sign('something else') }, { ...genuine.signature!, value: 'no signature' }]) {
      await forging.put(3, { ...genuine, signature })
      const { ok, problem } = await forging.verify()
      assert.equal(ok, false)
      assert.match(problem ?? '', /checkpoint of entry 3 does not bear the signature of the key it names/)
      await forging.append(1)
      assert.match((await seal()).get('forging') ?? '', /checkpoint of entry 3 of forging does not bear the signature/)
    }
    await forging.put(3, genuine)
    assert.equal((await forging.verify()).ok, true)
  })
})
