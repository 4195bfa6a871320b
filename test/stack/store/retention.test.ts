import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import pg from 'pg'
import { createPool } from '../../../registry/store/pool.ts'
import { forgetOver, KEPT, RETENTION } from '../../../registry/store/retention.ts'
import { ALL_SITES, inSite } from '../../../registry/store/transaction.ts'
import { freshDatabase, useStack, type TestDatabase } from '../../helpers/stack.ts'

const SITE = 'plant'
const YOUNG = "now() - interval '11 months'"
const OLD = "now() - interval '13 months'"

describe('retention', () => {
  let database: TestDatabase
  let pool: pg.Pool
  let owner: pg.Client
  before(async () => {
    database = await freshDatabase(await useStack())
    pool = createPool(database.url, { applicationName: 'test', max: 2 })
    owner = new pg.Client({ connectionString: database.adminUrl })
    await owner.connect()
    await owner.query("insert into site (site_id, name) values ($1, 'Plant')", [SITE])
    await owner.query("insert into gateway (site_id, gateway_id) values ($1, 'gw-1')", [SITE])
  })
  after(async () => {
    await owner.end()
    await pool.end()
    await database.drop()
  })

  it('has a rule for every table, and the docs name it', async () => {
    const { rows } = await owner.query<{ name: string }>(
      `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition and relname <> 'schema_migration' order by relname`)
    assert.deepEqual(rows.map(({ name }) => name), Object.keys(RETENTION).sort())
    const doc = readFileSync(path.join(import.meta.dirname, '../../../docs/operations.md'), 'utf8')
    for (const [table, rule] of Object.entries(RETENTION)) {
      assert.ok(doc.includes(`\`${table}\``), `docs/operations.md does not name ${table}`)
      const words = typeof rule === 'string' ? KEPT[rule] : 'after' in rule ? rule.after : rule.elsewhere
      assert.ok(doc.includes(words), `docs/operations.md does not say of ${table}: ${words}`)
    }
  })

  it('removes what is over and nothing else', async () => {
    const token = (hash: string, used: string, withdrawn: string, expires: string) => owner.query(
      `insert into gateway_enrolment (site_id, gateway_id, hash, created_by, created_at, expires_at, used_at, withdrawn_at) values ($1, 'gw-1', $2, 'ada', ${OLD}, ${expires}, ${used}, ${withdrawn})`, [SITE, Buffer.from(hash)])
    await token('used long ago', OLD, 'null', OLD)
    await token('withdrawn long ago', 'null', OLD, OLD)
    await token('ran out long ago', 'null', 'null', OLD)
    await token('used', YOUNG, 'null', OLD)
    await token('runs', 'null', 'null', "now() + interval '1 day'")
    const order = async (state: string, at: string, release: string) => (await owner.query<{ command_id: string }>(
      `insert into gateway_command (site_id, gateway_id, kind, body, about, requested_by, requested_at, updated_at, state) values ($1, 'gw-1', 'update', '{}', $2, 'ada', ${OLD}, ${at}, $3) returning command_id`,
      [SITE, JSON.stringify({ release }), state])).rows[0]!.command_id
    await order('done', OLD, 'done long ago')
    await order('refused', OLD, 'refused long ago')
    await order('done', YOUNG, 'done')
    await order('pending', OLD, 'not done')
    const ofUpdate = await order('done', OLD, 'of an update')
    const { rows: [update] } = await owner.query<{ update_id: string }>(
      `insert into gateway_update (site_id, version, program, file_digest, file_bytes, file_key, state, stage, stage_since, settle_seconds, within_seconds, reason, started_by, started_at, ended_at)
       values ($1, '1.0.0', 'p', 'd', 1, 'k', 'completed', 0, now(), 1, 1, 'r', 'ada', ${OLD}, ${OLD}) returning update_id`, [SITE])
    await owner.query("insert into gateway_update_target (update_id, site_id, gateway_id, stage, state, command_id) values ($1, $2, 'gw-1', 0, 'done', $3)", [update!.update_id, SITE, ofUpdate])
    const judged = (asset: string, at: string) => owner.query(
      `insert into local_judgement (site_id, gateway_id, asset_id, release_digest, release_id, issue, first_end, last_end, compared_at) values ($1, 'gw-1', $2, 'd', 'r', 1, now(), now(), ${at})`, [SITE, asset])
    await judged('long-ago', OLD)
    await judged('lately', YOUNG)

    assert.equal(await inSite(pool, ALL_SITES, forgetOver), 6)
    assert.equal(await inSite(pool, ALL_SITES, forgetOver), 0)
    const left = async (sql: string) => (await owner.query<{ it: string }>(sql)).rows.map(({ it: what }) => what).sort()
    assert.deepEqual(await left("select convert_from(hash, 'UTF8') as it from gateway_enrolment"), ['runs', 'used'])
    assert.deepEqual(await left("select about->>'release' as it from gateway_command"), ['done', 'not done', 'of an update'])
    assert.deepEqual(await left('select asset_id as it from local_judgement'), ['lately'])
  })

  it('cannot remove what is not over, whatever asks for it', async () => {
    for (const table of ['gateway_enrolment', 'gateway_command', 'local_judgement']) {
      const { rows: before } = await owner.query<{ n: string }>(`select count(*) as n from ${table}`)
      // An order of an update is over by its age; the foreign key holds it.
      await inSite(pool, ALL_SITES, (tx) => tx.query(`delete from ${table}${table === 'gateway_command' ? " where about->>'release' <> 'of an update'" : ''}`))
      const { rows: afterwards } = await owner.query<{ n: string }>(`select count(*) as n from ${table}`)
      assert.deepEqual(afterwards, before)
    }
  })
})
