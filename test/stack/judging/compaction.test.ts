import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { PassThrough, type Readable } from 'node:stream'
import { after, describe, it } from 'node:test'
import pg from 'pg'
import { createDecodedCache } from '../../../activities/decoded-cache.ts'
import { createModelCache } from '../../../activities/models/load-model.ts'
import { createReplayScorer } from '../../../activities/windows/replay-scorer.ts'
import { tsxArgs } from '../../../infra/node-child.ts'
import { SMALL_READINGS } from '../../../registry/domain/ingest/bundle.ts'
import { compactReadings } from '../../../registry/services/compact-readings.ts'
import { readLineage } from '../../../registry/services/read/lineage.ts'
import { listReadings } from '../../../registry/services/read/readings.ts'
import { replayScore } from '../../../registry/services/replay/replay-score.ts'
import { spansOfBatches } from '../../../registry/store/batch-spans.ts'
import { loadChunks, NEWEST, readTagRange } from '../../../registry/store/chunks.ts'
import { lastCommit } from '../../../registry/store/site-progress.ts'
import { inSite } from '../../../registry/store/transaction.ts'
import { until } from '../../helpers/governance.ts'
import { createIngestPlant, EPOCH, readingsBatch, type IngestPlant, type Row } from '../../helpers/ingest-plant.ts'
import { admin, createJudgingSite, S, series, T0, type BatchDraft, type JudgingSite } from '../../helpers/judging.ts'
import { seeded } from '../../helpers/random.ts'

const open: { drop(): Promise<void> }[] = []

/** Batches of few readings each, as a gateway ships them that sends every second; the pump wears for a while. */
function drafts(fromS: number, toS: number): BatchDraft[] {
  const vibration = (second: number) => (second >= 60 && second < 90 ? 9 : Math.sin(second))
  return Array.from({ length: toS - fromS }, (_, i): BatchDraft => {
    const second = fromS + i
    const late = second % 50 === 49
    return {
      series: [
        series('pump-1/vibration', second, second + 1, vibration, 0.5),
        // Now and then a value is put right, and one comes late.
        ...(late ? [{ ...series('pump-1/vibration', second - 30, second - 29, () => 0.5), revision: 1 }] : []),
        { tag: 'pump-1/temperature', timesUs: [T0 + second * S, ...late ? [T0 + (second + 0.75) * S] : []], values: [40 + Math.cos(second / 7), ...late ? [NaN] : []], quality: [second % 20 === 3 ? 1 : 0, ...late ? [0] : []] },
      ],
      completeThroughUs: T0 + (second + 1) * S, receivedUs: T0 + (second + 2) * S,
    }
  })
}

async function ship(site: JudgingSite, batches: readonly BatchDraft[], workers: () => JudgingSite['windows'] = () => site.windows): Promise<void> {
  let waiting: string[] = []
  for (const [i, draft] of batches.entries()) {
    waiting.push(await site.commit(draft))
    if (i % 7 !== 6 && i !== batches.length - 1) continue
    await workers().closeWindows({ site: site.site, batchIds: waiting })
    waiting = []
  }
}

async function wornSite(batches: readonly BatchDraft[]): Promise<JudgingSite> {
  const site = await createJudgingSite()
  open.push(site)
  await site.assign(await site.release())
  await ship(site, batches)
  return site
}

const compact = (site: Pick<JudgingSite, 'pool' | 'site'>) => compactReadings(site, { site: site.site, committedBeforeUs: Date.now() * 1000 + 60 * S })
const rowsOf = async (site: JudgingSite) => Number((await site.asOwner<{ n: string }>('select count(*) as n from reading_chunk'))[0]!.n)
const judged = (site: JudgingSite) => site.asOwner(
  `select w.window_end, w.revision, w.commit_number, w.source_time, w.ingest_time, feature_values, good_fraction, score, confidence, decision
   from feature_window w join score s using (window_id) order by 1, 2`)

/** All that can be asked about what is known, up to a commit number: readings as of many numbers, batches, lineage, replays. */
async function answers(site: JudgingSite, upTo: number): Promise<Record<string, unknown>> {
  const tags = await site.asOwner<{ tag_ref: number; tag_key: string }>("select tag_ref, tag_key from tag where kind = 'scalar' order by tag_ref")
  const random = seeded(7)
  const asOf = [1, 2, upTo - 1, upTo, ...Array.from({ length: 20 }, () => 1 + random(upTo))]
  const ranges = await inSite(site.pool, site.site, async (tx) => {
    const found = []
    for (const commit of asOf) {
      for (const { tag_ref } of tags) {
        const fromUs = T0 + random(200) * S
        const span = { tagRef: tag_ref, fromUs, toUs: fromUs + (1 + random(90)) * S }
        const chunks = (await loadChunks(tx, [span], commit)).get(tag_ref) ?? []
        found.push(await readTagRange(tx, tag_ref, span.fromUs, span.toUs, commit), [...chunks].sort((a, b) => a.batchId - b.batchId || a.revision - b.revision))
      }
    }
    return found
  })
  const batches = await site.asOwner<{ batch_id: string; from_us: string; to_us: string }>(
    `select batch_id, (extract(epoch from first_time) * 1000000)::bigint as from_us, (extract(epoch from last_time) * 1000000)::bigint as to_us
     from raw_batch where commit_number <= $1 order by 1`, [upTo])
  const spans = await inSite(site.pool, site.site, (tx) => spansOfBatches(
    tx, batches.map((batch) => ({ batchId: batch.batch_id, fromUs: Number(batch.from_us), beforeUs: Number(batch.to_us) + 1 })), tags.map(({ tag_ref }) => tag_ref)))
  const scores = await site.asOwner<{ score_id: string }>('select score_id from score join feature_window using (window_id) where commit_number <= $1 order by 1', [upTo])
  const deps = { ...site.ctx, scorer: createReplayScorer(createModelCache(site.objects)) }
  const replays = []
  const lineages = []
  for (const { score_id } of scores) replays.push(await replayScore(deps, admin, { site: site.site, scoreId: score_id }))
  for (const { score_id } of scores.filter((_, i) => i % 9 === 0)) lineages.push(await readLineage(site.ctx, admin, { site: site.site, score: score_id }))
  assert.ok(replays.length > 10 && replays.every((replay) => replay.class === 'exact'), 'every replay is exact')
  return {
    ranges, replays, lineages, spans: spans.map((span) => JSON.stringify(span)).sort(),
    listed: await listReadings(site.ctx, admin, { site: site.site, tag: 'pump-1/vibration', fromUs: T0, toUs: T0 + 300 * S, asOf: upTo, limit: 1000 }),
    sql: await site.asOwner('select tag_key, source_time, value, raw, quality, revision, batch_id, commit_number, ingest_time from reading where commit_number <= $1 order by 1, 2, 6, 7', [upTo]),
  }
}

function startCompactor(site: JudgingSite): ChildProcess {
  return fork(path.join(import.meta.dirname, 'compacting-process.ts'), {
    execArgv: tsxArgs(), env: { PATH: process.env['PATH'], DATABASE_URL: site.database.url, SITE: site.site }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
}

describe('compaction', () => {
  after(async () => { for (const site of open) await site.drop() })

  it('leaves readings, scores, lineage and replays as they were, while others read and ingest', async () => {
    const [before, during] = [drafts(0, 110), drafts(110, 170)]
    const site = await wornSite(before)
    const control = await wornSite([...before, ...during])
    const upTo = before.length
    const expected = await answers(site, upTo)
    const rows = await rowsOf(site)
    let ingesting = true
    let read = 0
    const [compacted, second] = await Promise.all([
      (async () => {
        const total = { rows: 0, bundles: 0 }
        while (ingesting) {
          const done = await compact(site)
          total.rows += done.rows
          total.bundles += done.bundles
        }
        return total
      })(),
      compact(site),
      // Every other closing by a worker that has nothing cached, so that it reads what was compacted.
      ship(site, during, () => (read % 2 === 0 ? site.windows : site.newWorker())).finally(() => { ingesting = false }),
      (async () => {
        for (; ingesting || read === 0; read++) assert.deepEqual(await answers(site, upTo), expected)
      })(),
    ])
    await compact(site)
    assert.ok(compacted.rows + second.rows > rows * 0.9, `${compacted.rows + second.rows} of ${rows} rows`)
    assert.ok(await rowsOf(site) < rows / 10, `${await rowsOf(site)} rows are left`)
    assert.deepEqual(await answers(site, upTo), expected)
    assert.deepEqual(await judged(site), await judged(control), 'windows and scores are those of a site that was never compacted')
    const whole = before.length + during.length
    assert.deepEqual((await answers(site, whole))['sql'], (await answers(control, whole))['sql'])
    const bundles = await site.asOwner<{ tag_ref: number; n: number; hours: number }>(
      `select tag_ref, n, extract(epoch from date_trunc('hour', t_max) - date_trunc('hour', t_min))::integer as hours from reading_chunk where batch_id is null`)
    assert.ok(bundles.length > 0 && bundles.every(({ n, hours }) => n <= 2 * SMALL_READINGS && hours === 0))
    assert.deepEqual(await compact(site), { rows: 0, bundles: 0 }, 'nothing is left to do')
  })

  it('kill -9 in the middle of a transaction loses and doubles nothing, and the next one goes on', async () => {
    const site = await wornSite(drafts(0, 100))
    const expected = await answers(site, 100)
    const rows = await rowsOf(site)
    // Forgetting a row waits for a lock that the test holds: bundles are written then, and not committed.
    await site.asOwner(`
      create function hold_delete() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock_shared(4712); return old; end $$;
      create trigger hold_delete before delete on reading_chunk for each row execute function hold_delete()`)
    const holder = new pg.Client({ connectionString: site.database.adminUrl })
    await holder.connect()
    await holder.query('select pg_advisory_lock(4712)')
    const first = startCompactor(site)
    await until('it waits within its transaction', async () => (await site.asOwner(
      "select 1 from pg_locks where locktype = 'advisory' and not granted and objid = 4712 and database = (select oid from pg_database where datname = current_database())")).length > 0)
    assert.deepEqual(await answers(site, 100), expected, 'nobody sees what is not committed')
    const exited = once(first, 'exit')
    first.kill('SIGKILL')
    await exited
    await holder.query('select pg_advisory_unlock(4712)')
    await holder.end()
    await until('its transaction is gone', async () => (await site.asOwner(
      "select 1 from pg_stat_activity where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()")).length === 0)
    await site.asOwner('drop trigger hold_delete on reading_chunk')
    assert.equal(await rowsOf(site), rows)
    assert.deepEqual(await answers(site, 100), expected)

    // Another is killed after its first transaction; two at once then finish.
    const next = startCompactor(site)
    await once(next, 'message')
    const gone = once(next, 'exit')
    next.kill('SIGKILL')
    await gone
    assert.deepEqual(await answers(site, 100), expected)
    const ends = [startCompactor(site), startCompactor(site)].map((child) => once(child, 'exit'))
    assert.deepEqual((await Promise.all(ends)).map(([code]) => code as number), [0, 0])
    assert.ok(await rowsOf(site) < rows / 10)
    assert.deepEqual(await answers(site, 100), expected)
  })

  it('repeats, revisions and late readings meet bundles as they meet chunks', async () => {
    const plants = [await createIngestPlant(), await createIngestPlant()] as [IngestPlant, IngestPlant]
    open.push(...plants)
    const tick = (second: number, value = second): Row => ({ tag: 'p/a', sourceUs: T0 - 7200 * S + second * S, value })
    const small = Array.from({ length: 40 }, (_, i) => readingsBatch([tick(2 * i), { ...tick(2 * i), value: 1000 + i }, { ...tick(2 * i), tag: 'p/c' }], { sequence: i + 1 }))
    const later = [
      readingsBatch([tick(4), { ...tick(4), value: 1002 }, tick(7, 70), tick(8, -1)], { sequence: 41 }),
      readingsBatch(Array.from({ length: 60 }, (_, i) => tick(i, i % 3)), { sequence: 42 }),
      readingsBatch([tick(6), { ...tick(6), tag: 'p/c' }], { sequence: 43 }),
    ]
    for (const plant of plants) {
      for (const bytes of small) await plant.land(bytes)
      await plant.store()
    }
    const [compacted, control] = plants
    assert.equal((await compact(compacted)).rows, 80)
    for (const plant of plants) {
      for (const [i, bytes] of later.entries()) {
        await plant.land(bytes)
        await plant.store({ sequences: [41 + i], ...(i === 1 && { cache: createDecodedCache({ maxBytes: 1e6 }) }) })
        if (plant === compacted) await compact(plant)
      }
    }
    const outcomes = (plant: IngestPlant) => plant.rows('select sequence, outcome from raw_batch where epoch = $1 order by sequence', [EPOCH])
    assert.deepEqual(await outcomes(compacted), await outcomes(control))
    assert.deepEqual(await compacted.readings(), await control.readings())
  })

  it('a reader with a cache finds chunks that are moved between its two looks', async () => {
    const site = await wornSite(drafts(0, 40))
    const [tag] = await site.asOwner<{ tag_ref: number }>("select tag_ref from tag where tag_key = 'pump-1/vibration'")
    const span = { tagRef: tag!.tag_ref, fromUs: T0, toUs: T0 + 40 * S }
    const before = await inSite(site.pool, site.site, (tx) => loadChunks(tx, [span], NEWEST))
    let looks = 0
    const found = await inSite(site.pool, site.site, (tx) => {
      const query = (stream: Readable & pg.Submittable): Readable => {
        if (++looks !== 2) return tx.client.query(stream)
        const later = new PassThrough()
        void compact(site).then(() => tx.client.query(stream).pipe(later))
        return later
      }
      const client = new Proxy(tx.client, { get: (target, name) => (name === 'query' ? query : Reflect.get(target, name) as unknown) })
      return loadChunks({ ...tx, client }, [span], NEWEST, createDecodedCache({ maxBytes: 1e6 }))
    })
    assert.equal(looks, 3, 'two looks, and one more since the second found nothing')
    assert.deepEqual(found, before)
  })

  it('the application can forget no reading that a bundle does not hold', async () => {
    const site = await wornSite(drafts(0, 20))
    await assert.rejects(inSite(site.pool, site.site, (tx) => tx.query('delete from reading_chunk')), /permission denied/)
    const rows = await rowsOf(site)
    const forget = () => inSite(site.pool, site.site, async (tx) => {
      const { rows: [tag] } = await tx.query<{ tag_ref: number }>("select tag_ref from tag where tag_key = 'pump-1/vibration'")
      return (await tx.query<{ n: number }>("select forget_bundled_chunks($1, '-infinity', 'infinity') as n", [tag!.tag_ref])).rows[0]!.n
    })
    assert.equal(await forget(), 0)
    assert.equal(await rowsOf(site), rows)
    assert.equal(await inSite(site.pool, site.site, (tx) => lastCommit(tx, site.site)), 20)
  })
})
