import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { qualityCode } from '../../../registry/domain/contract/quality.ts'
import { insertChunks } from '../../../registry/store/chunk-rows.ts'
import { loadChunks, readTagRange, readTagRanges } from '../../../registry/store/chunks.ts'
import { inSite } from '../../../registry/store/transaction.ts'
import { readWaveforms } from '../../../registry/store/waveforms.ts'
import { createDecodedCache } from '../../../activities/decoded-cache.ts'
import { storeOneByOne } from '../../../activities/ingest.ts'
import { createIngestPlant, EPOCH, readingsBatch, S, T0, waveformsBatch, type IngestPlant, type Row } from '../../helpers/ingest-plant.ts'

const series = (tag: string, fromS: number, count: number, value = (i: number) => i): Row[] =>
  Array.from({ length: count }, (_, i) => ({ tag, sourceUs: T0 + (fromS + i) * S, value: value(fromS + i) }))

const outcomes = async (plant: IngestPlant): Promise<unknown[]> =>
  plant.rows('select sequence::int, state, commit_number::int as commit, outcome from raw_batch order by sequence')

const tagRef = async (plant: IngestPlant, key: string): Promise<number> =>
  (await plant.rows<{ tag_ref: number }>('select tag_ref from tag where tag_key = $1', [key]))[0]!.tag_ref

/** Each test gets a plant of its own. */
const using = (body: (plant: IngestPlant) => Promise<void>, options?: Parameters<typeof createIngestPlant>[0]) => async (): Promise<void> => {
  const plant = await createIngestPlant(options)
  try {
    await body(plant)
  } finally {
    await plant.drop()
  }
}

describe('landing', () => {
  it('stores bytes and row, then says so; a duplicate changes nothing; other content under the same key is set aside', using(async (plant) => {
    const bytes = readingsBatch(series('p/a', 0, 10))
    assert.equal((await plant.land(bytes)).status, 'stored')
    assert.equal((await plant.land(bytes)).status, 'duplicate')
    const clash = await plant.land(readingsBatch(series('p/a', 0, 10, () => 7)))
    assert.equal(clash.status, 'quarantined')
    assert.equal(clash.code, 'digest_mismatch')
    assert.equal((await plant.rows('select 1 from raw_batch')).length, 1)
    assert.equal((await plant.rows('select 1 from quarantine')).length, 1)
    assert.equal(plant.objects.objects.size, 2)
    await plant.store()
    assert.deepEqual((await plant.readings()).length, 10)
    assert.match((await plant.readings())[7]!, / 7 7 0$/)
  }))

  it('notes every few seconds that the gateway was heard of, and leaves that to a landing that is at it', using(async (plant) => {
    const seen = async () => (await plant.rows<{ seen: string; skew: string | null }>('select last_seen_at::text as seen, clock_skew_us as skew from gateway'))[0]!
    await plant.land(readingsBatch(series('p/a', 0, 10), { createdUs: T0 }))
    const first = await seen()
    assert.equal(Number(first.skew), -3600 * S)
    await plant.land(readingsBatch(series('p/a', 10, 10), { sequence: 2, createdUs: T0 + S }))
    assert.deepEqual(await seen(), first, 'only just noted')
    await plant.rows("update gateway set last_seen_at = last_seen_at - interval '6 seconds'")
    const old = await seen()
    await inSite(plant.pool, plant.site, async (other) => {
      await other.query('select from gateway for update')
      assert.equal((await plant.land(readingsBatch(series('p/a', 20, 10), { sequence: 3 }))).status, 'stored')
    })
    assert.deepEqual(await seen(), old)
    await plant.land(readingsBatch(series('p/a', 30, 10), { sequence: 4, createdUs: T0 + 2 * S }))
    assert.deepEqual(await seen(), { seen: first.seen, skew: String(-3598 * S) })
  }))

  it('keeps what is no batch and says so to whoever sent it', using(async (plant) => {
    const bytes = readingsBatch(series('p/a', 0, 10))
    for (const [what, body, channel, code] of [
      ['empty', new Uint8Array(0), {}, 'contract_broken'],
      ['noise', new Uint8Array(500).fill(7), {}, 'contract_broken'],
      ['cut in the header', bytes.subarray(0, 100), {}, 'contract_broken'],
      ['too large', new Uint8Array(25 * 1024 * 1024), {}, 'too_large'],
      ['another gateway', bytes, { gateway: 'gw-9' }, 'contract_broken'],
      ['unknown site', readingsBatch(series('p/a', 0, 1), { site: 'nowhere' }), { site: 'nowhere' }, 'not_found'],
      ['simulation at a plant', readingsBatch(series('p/a', 0, 1), { mode: 'simulation', sequence: 9 }), {}, 'unprocessable'],
    ] as const) {
      const answer = await plant.land(body, channel)
      assert.equal(answer.status, 'quarantined', what)
      assert.equal(answer.code, code, what)
    }
    assert.equal((await plant.rows('select 1 from quarantine')).length, 7)
    assert.deepEqual(await plant.rows('select state from raw_batch'), [{ state: 'quarantined' }])
    assert.equal((await plant.land(bytes)).status, 'stored')
  }))

  it('takes nothing but simulations at a simulation', using(async (plant) => {
    assert.equal((await plant.land(readingsBatch(series('p/a', 0, 1), { mode: 'live' }))).status, 'quarantined')
    assert.equal((await plant.land(readingsBatch(series('p/a', 0, 1), { mode: 'simulation', sequence: 2 }))).status, 'stored')
  }, { kind: 'simulation' }))
})

describe('storing batches', () => {
  it('commits a group in the order of its sequence and can be run twice', using(async (plant) => {
    for (const sequence of [3, 1, 2]) await plant.land(readingsBatch([...series('p/a', sequence * 100, 50), ...series('p/b', sequence * 100, 50)], { sequence }))
    assert.deepEqual(await plant.store(), { committed: 3, quarantined: 0 })
    const outcome = { accepted: 100, repeated: 0, revised: 0, quarantined: 0 }
    const first = await outcomes(plant)
    assert.deepEqual(first, [1, 2, 3].map((n) => ({ sequence: n, state: 'committed', commit: n, outcome })))
    assert.deepEqual(await plant.store(), { committed: 0, quarantined: 0 })
    assert.deepEqual(await outcomes(plant), first)
    assert.equal((await plant.readings()).length, 300)
    const [lane] = await plant.rows<{ through: string; last_sequence: string }>('select complete_through::text as through, last_sequence from gateway_lane')
    assert.equal(lane?.last_sequence, '3')
    assert.equal(lane.through, '2026-03-01 12:05:49+00')
  }))

  it('sets broken rows aside and stores the good ones around them', using(async (plant) => {
    const future = plant.ctx.nowUs() + 301 * S
    const rows: Row[] = [
      ...series('p/a', 0, 5), { tag: 'p/a', sourceUs: T0 + 5 * S, value: Number.NaN }, { tag: 'p/a', sourceUs: T0 + 6 * S, value: Infinity },
      { tag: 'p/a', sourceUs: T0 + 7 * S, value: Number.NaN, quality: qualityCode('bad', ['missing']) },
      { tag: 'p/a', sourceUs: future, value: 1 }, { tag: 'p/a', sourceUs: 0, value: 1 },
      ...series('p/unknown', 0, 3), ...series('p/w', 0, 2), { tag: 'p/b', sourceUs: T0, value: 150 }, { tag: 'p/b', sourceUs: T0 + S, value: 50 },
    ]
    await plant.land(readingsBatch(rows))
    await plant.store()
    assert.deepEqual(await outcomes(plant), [{ sequence: 1, state: 'committed', commit: 1, outcome: { accepted: 8, repeated: 0, revised: 0, quarantined: 9 } }])
    assert.deepEqual(await plant.rows('select tag_key, code, row_count from quarantine order by tag_key, code'), [
      { tag_key: 'p/a', code: 'future_time', row_count: 1 }, { tag_key: 'p/a', code: 'implausible_time', row_count: 1 },
      { tag_key: 'p/a', code: 'not_finite', row_count: 2 }, { tag_key: 'p/unknown', code: 'unknown_tag', row_count: 3 },
      { tag_key: 'p/w', code: 'wrong_kind', row_count: 2 },
    ])
    const b = await plant.rows<{ quality: number }>(`select quality from reading where tag_key = 'p/b' order by source_time`)
    assert.deepEqual(b.map((row) => row.quality), [qualityCode('uncertain', ['range']), 0])
  }))

  it('commits the others when a batch of the group is damaged, cut off or gone', using(async (plant) => {
    for (const sequence of [1, 2, 3, 4, 5]) await plant.land(readingsBatch(series('p/a', sequence * 10, 10), { sequence }))
    const keys = [...plant.objects.objects.keys()].sort()
    plant.objects.objects.set(keys[1]!, plant.objects.objects.get(keys[1]!)!.slice().fill(9, 600, 700))
    plant.objects.objects.delete(keys[3]!)
    assert.deepEqual(await plant.store(), { committed: 3, quarantined: 2 })
    assert.deepEqual((await plant.rows<{ code: string }>('select code from quarantine order by sequence')).map((row) => row.code), ['digest_mismatch', 'not_found'])
    assert.deepEqual((await outcomes(plant)).map((row) => (row as { commit: number | null }).commit), [1, null, 2, null, 3])

    // A header that can be read, rows that cannot: it lands, and is set aside when it is decoded.
    const whole = readingsBatch(series('p/a', 70, 10), { sequence: 6 })
    assert.equal((await plant.land(whole.subarray(0, whole.length - 20))).status, 'stored')
    assert.deepEqual(await plant.store(), { committed: 0, quarantined: 1 })
    assert.equal((await plant.rows<{ code: string }>('select code from quarantine where sequence = 6'))[0]?.code, 'contract_broken')
    assert.equal((await plant.readings()).length, 30)
  }))

  it('sets a batch aside that fails for no passing reason, and stores those around it', using(async (plant) => {
    for (const sequence of [1, 2, 3]) await plant.land(readingsBatch(series('p/a', sequence * 10, 10), { sequence }))
    const [poison] = await plant.rows<{ batch_id: string }>('select batch_id from raw_batch where sequence = 2')
    await plant.rows(`alter table raw_batch add check (batch_id <> ${poison!.batch_id} or state <> 'committed')`)
    await assert.rejects(plant.store(), /violates check constraint/)
    const failed: string[] = []
    const ids = (await plant.rows<{ batch_id: string }>('select batch_id from raw_batch order by sequence')).map((row) => row.batch_id)
    const result = await storeOneByOne(plant, new Set(), { site: plant.site, gateway: 'gw-1', epoch: EPOCH, batchIds: ids }, (id) => { failed.push(id) })
    assert.deepEqual(result, { committed: 2, quarantined: 1 })
    assert.deepEqual(failed, [poison!.batch_id])
    assert.deepEqual((await outcomes(plant)).map((row) => (row as { state: string }).state), ['committed', 'quarantined', 'committed'])
    assert.equal((await plant.readings()).length, 20)
  }))

  it('ignores repeats, keeps revisions, counts both, and tells what was known when', using(async (plant) => {
    await plant.land(readingsBatch(series('p/a', 0, 10), { sequence: 1 }))
    await plant.store()
    await plant.land(readingsBatch([...series('p/a', 5, 10, (i) => (i === 7 ? 700 : i))], { sequence: 2 }))
    await plant.store()
    await plant.land(readingsBatch([{ tag: 'p/a', sourceUs: T0 + 7 * S, value: 7000 }, { tag: 'p/a', sourceUs: T0 + 7 * S, value: 7001 }], { sequence: 3 }))
    await plant.store()
    assert.deepEqual((await outcomes(plant)).map((row) => (row as { outcome: object }).outcome), [
      { accepted: 10, repeated: 0, revised: 0, quarantined: 0 }, { accepted: 5, repeated: 4, revised: 1, quarantined: 0 },
      { accepted: 1, repeated: 0, revised: 1, quarantined: 0 },
    ])
    const ref = await tagRef(plant, 'p/a')
    const known = async (commit: number): Promise<number[]> =>
      inSite(plant.pool, plant.site, async (tx) => [...(await readTagRange(tx, ref, T0 + 6 * S, T0 + 11 * S, commit)).values])
    assert.deepEqual(await known(0), [])
    assert.deepEqual(await known(1), [6, 7, 8, 9])
    assert.deepEqual(await known(2), [6, 700, 8, 9, 10])
    assert.deepEqual(await known(3), [6, 7000, 7001, 8, 9, 10])
  }))

  it('stores the same readings when batches come shuffled and doubled', using(async (ordered) => {
    const batches = Array.from({ length: 6 }, (_, n) => readingsBatch(
      [...series('p/a', n * 8, 12, (i) => i * 2), ...series('p/c', -n * 500_000, 3)], { sequence: n + 1 }))
    for (const bytes of batches) await ordered.land(bytes)
    await ordered.store()
    const shuffled = await createIngestPlant()
    try {
      for (const n of [4, 2, 2, 0, 5, 3, 1, 4, 0]) {
        await shuffled.land(batches[n]!)
        await shuffled.store({ cache: createDecodedCache({ maxBytes: 0 }) })
      }
      assert.deepEqual(await shuffled.readings(), await ordered.readings())
      assert.equal((await shuffled.readings()).length, 52 + 18)
    } finally {
      await shuffled.drop()
    }
  }))

  it('cuts chunks at midnight, and gives back spans across them from the store and from memory alike', using(async (plant) => {
    const rows = Array.from({ length: 30_000 }, (_, i): Row => ({ tag: 'p/a', sourceUs: T0 + i * 1_700_000 + (i % 7), value: Math.sin(i), raw: i, quality: i % 1000 === 0 ? 1 : 0 }))
    await plant.land(readingsBatch(rows), {})
    await plant.store()
    const ref = await tagRef(plant, 'p/a')
    const span = { tagRef: ref, fromUs: T0 + 20_000 * S, toUs: T0 + 48_000 * S }
    const wanted = rows.filter((row) => row.sourceUs >= span.fromUs && row.sourceUs < span.toUs)
    for (const cache of [undefined, plant.cache, createDecodedCache({ maxBytes: 1e9 })]) {
      const run = (await inSite(plant.pool, plant.site, (tx) => readTagRanges(tx, [span], 1, cache))).get(ref)!
      assert.deepEqual([...run.timesUs], wanted.map((row) => row.sourceUs))
      assert.deepEqual([...run.values], wanted.map((row) => row.value))
      assert.deepEqual([...run.raws!], wanted.map((row) => row.raw))
      assert.deepEqual([...run.quality!], wanted.map((row) => row.quality))
    }
    const chunks = (await inSite(plant.pool, plant.site, (tx) => loadChunks(tx, [{ tagRef: ref, fromUs: -Infinity, toUs: Infinity }], 1))).get(ref)!
    assert.equal(chunks.reduce((sum, chunk) => sum + chunk.timesUs.length, 0), 30_000)
    for (const { timesUs } of chunks) {
      assert.ok(timesUs.length <= 8192)
      assert.equal(Math.floor(timesUs[0]! / (86_400 * S)), Math.floor(timesUs.at(-1)! / (86_400 * S)))
    }
  }, { nowUs: () => T0 + 86_400 * S }))

  it('looks for chunks once, however many batches there are', using(async (plant) => {
    for (let sequence = 1; sequence <= 40; sequence++) await plant.land(readingsBatch(series('p/a', sequence * 10, 10), { sequence }))
    await plant.store()
    const ref = await tagRef(plant, 'p/a')
    const [looks, found] = await inSite(plant.pool, plant.site, async (tx) => {
      const scans = async (): Promise<number> => Number((await tx.query<{ n: string }>(
        "select sum(coalesce(idx_scan, 0) + seq_scan) as n from pg_stat_xact_user_tables where relname like 'reading_chunk%'")).rows[0]?.n ?? 0)
      const before = await scans()
      // As many tags as a fleet has; the others have no chunks.
      const spans = Array.from({ length: 100 }, (_, i) => ({ tagRef: i === 0 ? ref : 1_000_000 + i, fromUs: T0, toUs: T0 + 1000 * S }))
      const chunks = await loadChunks(tx, spans, 40, createDecodedCache({ maxBytes: 1e6 }))
      return [await scans() - before, chunks.get(ref)?.length]
    })
    assert.equal(found, 40)
    // Two a span, for chunks and for bundles, and a few for what the empty cache lacks.
    assert.ok(looks <= 2 * 100 + 40, `${looks} looks: the history of batches must not multiply them`)
  }))

  it('copies no rows of another site, and lets nobody read past the policies', using(async (plant) => {
    await plant.land(readingsBatch(series('p/a', 0, 10)))
    await plant.store()
    const row = { tagRef: await tagRef(plant, 'p/a'), batchId: 1, revision: 0, timesUs: Float64Array.of(T0), values: Float64Array.of(1), raws: null, quality: null }
    await assert.rejects(inSite(plant.pool, 'elsewhere', (tx) => insertChunks(tx, plant.site, [row])), /do not belong into this transaction/)
    const [{ partition } = { partition: '' }] = await plant.rows<{ partition: string }>('select distinct tableoid::regclass::text as partition from reading_chunk')
    await assert.rejects(inSite(plant.pool, plant.site, (tx) => tx.query(`select 1 from ${partition}`)), /permission denied/)
    assert.equal((await plant.rows('select 1 from reading_chunk')).length, 1)
  }))

  it('stores waveforms, counts repeats and revisions, sets aside those that cannot be', using(async (plant) => {
    const wave = (startS: number, first = 1, given = {}) => ({
      tag: 'p/w', startUs: T0 + startS * S, intervalUs: 39.0625, gatewayUs: T0, scale: 2, offset: 1, quality: 0, samples: Float32Array.of(first, 2, 3), ...given,
    })
    await plant.land(waveformsBatch([wave(0), wave(1), wave(2, Number.NaN), wave(3, 1, { intervalUs: 2e9 }), wave(0, 1, { tag: 'p/a' })], { sequence: 1 }))
    await plant.land(waveformsBatch([wave(1), wave(0, 5), wave(4)], { sequence: 2 }))
    await plant.store()
    assert.deepEqual((await outcomes(plant)).map((row) => (row as { outcome: object }).outcome), [
      { accepted: 2, repeated: 0, revised: 0, quarantined: 3 }, { accepted: 1, repeated: 1, revised: 1, quarantined: 0 },
    ])
    const ref = await tagRef(plant, 'p/w')
    const span = [{ tagRef: ref, fromUs: T0 + 50, toUs: T0 + 10 * S }]
    const asOf = async (commit: number): Promise<number[]> =>
      inSite(plant.pool, plant.site, async (tx) => (await readWaveforms(tx, span, commit)).get(ref)!.map((stored) => stored.samples[0]!))
    assert.deepEqual(await asOf(1), [1, 1])
    assert.deepEqual(await asOf(2), [5, 1, 1])
  }))

  it('stores two groups of one site at once without losing, doubling or misnumbering anything', using(async (plant) => {
    const gateways = ['gw-1', 'gw-2', 'gw-3']
    for (const gateway of gateways) {
      for (let sequence = 1; sequence <= 4; sequence++) {
        await plant.land(readingsBatch([...series('p/a', sequence * 10, 20), ...series('p/c', sequence * 7, 20)], { gateway, sequence }), { gateway })
      }
    }
    await Promise.all(gateways.flatMap((gateway) => [plant.store({ gateway }), plant.store({ gateway, cache: createDecodedCache({ maxBytes: 0 }) })]))
    const commits = await plant.rows<{ commit: number; accepted: number }>(
      `select commit_number::int as commit, (outcome->>'accepted')::int as accepted from raw_batch order by commit_number`)
    assert.deepEqual(commits.map((row) => row.commit), Array.from({ length: 12 }, (_, i) => i + 1))
    assert.equal((await plant.readings()).length, 50 + 41)
    assert.equal(commits.reduce((sum, row) => sum + row.accepted, 0), 50 + 41)
  }))
})

describe('the counts of a committed batch', () => {
  let plant: IngestPlant
  before(async () => { plant = await createIngestPlant() })
  after(() => plant.drop())

  it('must add up, says the database', async () => {
    await plant.land(readingsBatch(series('p/a', 0, 3)))
    for (const outcome of ['{"accepted":2,"repeated":0,"revised":0,"quarantined":0}', '{}', null]) {
      await assert.rejects(plant.rows(`update raw_batch set state = 'committed', commit_number = 1, outcome = $1 where epoch = $2`, [outcome, EPOCH]), /raw_batch_check/)
    }
  })
})
