import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { platformActor } from '../../../registry/domain/access/rights.ts'
import { assetImportExample, assetImportSchema, type AssetImport } from '../../../registry/domain/contract/hierarchy.ts'
import { DomainError } from '../../../registry/domain/errors.ts'
import { authenticate } from '../../../registry/services/authenticate.ts'
import { changeActor } from '../../../registry/services/change-actor.ts'
import type { ServiceContext } from '../../../registry/services/context.ts'
import { createActor } from '../../../registry/services/create-actor.ts'
import { createSite } from '../../../registry/services/create-site.ts'
import { importAssets } from '../../../registry/services/import-assets.ts'
import { issueApiKey } from '../../../registry/services/issue-api-key.ts'
import { recordMaintenance } from '../../../registry/services/record-maintenance.ts'
import { revokeApiKey } from '../../../registry/services/revoke-api-key.ts'
import { createPool, type Pool } from '../../../registry/store/pool.ts'
import { inSite } from '../../../registry/store/transaction.ts'
import { createMemoryObjectStore } from '../../helpers/memory-object-store.ts'
import { freshDatabase, useStack, type TestDatabase } from '../../helpers/stack.ts'

const admin = platformActor('test')
const code = (wanted: string) => (error: unknown) => error instanceof DomainError && error.code === wanted
const example = (change: (d: AssetImport) => void = () => undefined): AssetImport => {
  const parsed = assetImportSchema.parse(structuredClone(assetImportExample))
  change(parsed)
  return parsed
}

describe('a site and its plant', () => {
  let database: TestDatabase
  let pool: Pool
  let ctx: ServiceContext
  let clockUs = Date.now() * 1000
  before(async () => {
    database = await freshDatabase(await useStack())
    pool = createPool(database.url)
    ctx = { pool, objects: createMemoryObjectStore(), nowUs: () => clockUs }
  })
  after(async () => {
    await pool?.end()
    await database?.drop()
  })
  const rows = (sql: string) => inSite(pool, 'hamburg', async (tx) => (await tx.query<Record<string, unknown>>(sql)).rows)

  it('comes in by one document, and a second time changes nothing', async () => {
    const first = await importAssets(ctx, admin, example())
    assert.deepEqual({ opened: first.opened, changed: first.changed, families: first.familiesMade }, { opened: 3, changed: true, families: ['cooling-pumps'] })
    const before = await rows('select count(*) as n from audit_entry')
    const second = await importAssets(ctx, admin, example())
    assert.deepEqual({ opened: second.opened, closed: second.closed, described: second.described, changed: second.changed }, { opened: 0, closed: 0, described: 0, changed: false })
    assert.deepEqual(await rows('select count(*) as n from audit_entry'), before)
  })

  it('a swapped sensor closes the old version and opens a new one at its validFrom', async () => {
    const swapped = example((d) => { d.tags = [{ ...d.tags[0]!, unit: 'K', validFrom: '2025-01-01T00:00:00Z' }] })
    assert.deepEqual((({ opened, closed }) => ({ opened, closed }))(await importAssets(ctx, admin, swapped)), { opened: 1, closed: 1 })
    assert.deepEqual(await rows("select unit, lower(valid) as f, upper(valid) as t from tag_version order by lower(valid)"), [
      { unit: '[degF]', f: new Date('2024-05-01T00:00:00Z'), t: new Date('2025-01-01T00:00:00Z') }, { unit: 'K', f: new Date('2025-01-01T00:00:00Z'), t: null },
    ])
    assert.equal((await importAssets(ctx, admin, swapped)).changed, false)
    assert.equal((await importAssets(ctx, admin, example())).changed, false, 'the older document still says nothing new')
  })

  it('is all or nothing', async () => {
    const half = example((d) => { d.areas.push({ id: 'new-area', name: 'New' }); d.tags[0]!.unit = '°C' })
    await assert.rejects(importAssets(ctx, admin, half), code('unit_unknown'))
    assert.deepEqual(await rows("select area_id from area where area_id = 'new-area'"), [])
    await assert.rejects(importAssets(ctx, admin, example((d) => { d.tags[0]!.role = 'other' })), code('conflict'))
    await assert.rejects(importAssets(ctx, admin, example((d) => { d.site.kind = 'simulation' })), code('conflict'))
    await assert.rejects(createSite(ctx, admin, { id: 'bremen', name: 'Bremen', timeZone: 'Mars/Olympus', kind: 'plant' }), code('invalid'))
  })

  it('two imports at once are one', async () => {
    const other = example((d) => { d.site.id = 'bremen'; d.site.name = 'Bremen' })
    const outcomes = await Promise.all([importAssets(ctx, admin, other), importAssets(ctx, admin, other)])
    assert.deepEqual(outcomes.map((o) => o.opened).sort(), [0, 3])
  })

  it('keys open what their owner may enter, until they are revoked, expire, or the owner is disabled', async () => {
    await createActor(ctx, admin, { site: 'hamburg', id: 'rita', name: 'Rita', kind: 'person', roles: ['reliability-engineer'] })
    await assert.rejects(createActor(ctx, admin, { site: '_fleet', id: 'rita', name: 'Another', kind: 'person', roles: ['admin'] }), code('already_exists'))
    await createActor(ctx, admin, { site: '_fleet', id: 'root', name: 'Root', kind: 'person', roles: ['admin'] })
    const issue = (actor: string, site: string, expiresAt: string | null = null) => issueApiKey(ctx, admin, { site, actor, label: 'test', expiresAt })
    const { key, id } = await issue('rita', 'hamburg')
    assert.match(key, /^tw_[A-Za-z0-9_-]{43}$/)
    assert.deepEqual(await authenticate(ctx, key), { id: 'rita', roles: ['reliability-engineer'], sites: ['hamburg'] })
    assert.deepEqual((await authenticate(ctx, (await issue('root', '_fleet')).key)).sites, '*')

    await changeActor(ctx, admin, { site: 'hamburg', id: 'rita', roles: ['viewer'] })
    assert.deepEqual((await authenticate(ctx, key)).roles, ['viewer'], 'roles are those of now')
    for (const wrong of ['', 'tw_', `${key}x`, `${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`]) await assert.rejects(authenticate(ctx, wrong), code('unauthenticated'))

    const short = await issue('rita', 'hamburg', new Date(clockUs / 1000 + 60_000).toISOString())
    await authenticate(ctx, short.key)
    clockUs += 61_000_000
    await assert.rejects(authenticate(ctx, short.key), code('unauthenticated'))
    await revokeApiKey(ctx, admin, { site: 'hamburg', key: id })
    await assert.rejects(authenticate(ctx, key), code('unauthenticated'))
    const last = await issue('rita', 'hamburg')
    await changeActor(ctx, admin, { site: 'hamburg', id: 'rita', disabled: true })
    await assert.rejects(authenticate(ctx, last.key), code('unauthenticated'))
    await assert.rejects(issue('rita', 'hamburg'), code('not_found'))

    const stored = await rows(`select count(*) as n from audit_entry where detail::text like '%${key}%'`)
    assert.deepEqual(stored, [{ n: '0' }], 'no key is ever written down')
  })

  it('maintenance is recorded once, and a failure proposes a label', async () => {
    const input = { site: 'hamburg', asset: 'pump-1', component: 'bearing-de', kind: 'failure' as const, start: '2026-03-01T08:00:00Z', end: null, failureMode: 'VIB', note: '', workOrder: null }
    const first = await recordMaintenance(ctx, admin, input)
    assert.notEqual(first.label, null)
    assert.deepEqual(await recordMaintenance(ctx, admin, input), { maintenance: first.maintenance, label: null, repeated: true })
    await assert.rejects(recordMaintenance(ctx, admin, { ...input, asset: 'pump-9' }), code('not_found'))
    await assert.rejects(recordMaintenance(ctx, { id: 'v', roles: ['viewer'], sites: ['hamburg'] }, input), code('forbidden'))
  })

  it('shows a site nothing of another', async () => {
    const seen = await inSite(pool, 'bremen', async (tx) => (await tx.query<{ n: string }>("select count(*) as n from asset where site_id = 'hamburg'")).rows[0]!.n)
    assert.equal(seen, '0')
    await assert.rejects(inSite(pool, 'bremen', (tx) => tx.query("insert into area (site_id, area_id, name) values ('hamburg', 'x', 'x')")), /row-level security/)
  })
})
