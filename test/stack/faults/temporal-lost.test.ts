import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { waitFor } from '../../../infra/demo/wait.ts'
import { appoint, approve, foundFamily, makePeople, millBatch, millFamily, millPlant, millPolicy, openGate, trainMill, type People } from '../../helpers/mill.ts'
import { settled, startTestPlatform, type TestPlatform } from '../../helpers/platform.ts'
import { connectRawGateway, type RawGateway } from '../../helpers/raw-gateway.ts'

const site = 'works'
const startUs = Math.floor(Date.now() / 60_000 - 120) * 60_000_000
/** Long enough that neither is over before Temporal is lost: who calls afterwards was started again. */
const deadlines = { acknowledgeWithinSeconds: 25, escalateAfterSeconds: 30 }

interface AlertView { id: string; state: string; escalationLevel: number; overdueAt: string | null; events: { kind: string }[] }

describe("Temporal's database is lost in the middle of work", () => {
  let on: TestPlatform
  let people: People
  let gateway: RawGateway | undefined
  let sequence = 0
  let waitingGate = ''
  let alert = ''
  const next = (fromS: number, toS: number, worn = 0) => millBatch(site, ++sequence, startUs, fromS, toS, { worn })
  const readAlert = () => people.omar.get<AlertView>(`/v1/alerts/${alert}`, { site })
  const live = async () => (await on.sql<{ n: number }>("select count(*)::int as n from raw_batch where windows_closed_at is null"))[0]!.n

  before(async () => {
    on = await startTestPlatform()
    await on.admin.post('/v1/assets/import', millPlant(site))
    people = await makePeople(on.admin, site)
    await foundFamily(people, on.admin, site, deadlines)
    gateway = await connectRawGateway(on.platform.connections.mqtt, site, 'gw-1')
    await gateway.send(next(0, 1200))
    await settled(on, site, 1)
    const { release, gate } = await trainMill(people, site)
    await appoint(people, site, gate)
    const { model } = await people.mia.get<{ model: { name: string; version: number } }>(`/v1/releases/${release}`, { site })
    await people.mia.post('/v1/policies', { family: millFamily, definition: millPolicy(2, deadlines) }, { site })
    const { id } = await people.mia.post<{ id: string }>('/v1/releases', { model: { name: model.name, version: model.version }, policyVersion: 2 }, { site })
    waitingGate = (await people.mia.post<{ gate: string }>('/v1/gates', { release: id, reason: 'second policy' }, { site })).gate
    await openGate(people.rita, site, waitingGate)
  })
  after(async () => {
    await gateway?.close()
    await (on as TestPlatform | undefined)?.stop()
  })

  it('takes in everything that was sent before, while and after it was gone', async () => {
    await gateway!.send(next(1200, 1300, 8))
    alert = await waitFor('the alert', async () => (await on.sql<{ alert_id: string }>('select alert_id from alert'))[0]?.alert_id)
    for (let i = 0; i < 6; i++) await gateway!.send(next(1300 + i * 10, 1310 + i * 10, 8))
    assert.equal((await readAlert()).escalationLevel, 0, 'its time was over before Temporal was lost: nothing would be shown')
    const gone = on.platform.stack.restartPart('temporal', { wipe: true })
    for (let i = 6; i < 12; i++) assert.equal((await gateway!.send(next(1300 + i * 10, 1310 + i * 10, 8))).status, 'stored')
    assert.ok(await live() > 0, 'nothing was in work when Temporal was lost')
    await gone
    for (let i = 12; i < 15; i++) await gateway!.send(next(1300 + i * 10, 1310 + i * 10, 8))
    await settled(on, site, sequence)
    const batches = await on.sql<{ state: string; commit_number: number }>('select state, commit_number::int from raw_batch order by sequence')
    assert.deepEqual(batches, Array.from({ length: sequence }, (_, i) => ({ state: 'committed', commit_number: i + 1 })))
    const [read] = await on.sql<{ n: number; places: number }>('select count(*)::int as n, count(distinct (tag_key, source_time))::int as places from reading')
    assert.deepEqual(read, { n: 1450 * 3, places: 1450 * 3 })
    const windows = await on.sql<{ n: number; ends: number }>('select count(*)::int as n, count(distinct window_end)::int as ends from feature_window')
    assert.deepEqual(windows, [{ n: 144, ends: 144 }])
  })

  it('still calls for an answer to the alert when its time is over', async () => {
    const late = await waitFor('the escalation', async () => {
      const view = await readAlert()
      return view.escalationLevel > 0 ? view : undefined
    })
    assert.ok(late.overdueAt !== null)
    assert.equal((await on.sql('select from alert')).length, 1)
    const kinds = late.events.map(({ kind }) => kind)
    assert.equal(new Set(kinds.filter((kind) => kind !== 'called')).size, kinds.filter((kind) => kind !== 'called').length, `each once: ${kinds.join(', ')}`)
    const paged = await on.sql("select from outbox where payload->>'type' = 'alert.raised' and channel = 'bus'")
    assert.ok(paged.length <= 1, 'raised once only')
  })

  it('still waits at the gate, and takes the approval', async () => {
    const gate = await openGate(people.rita, site, waitingGate)
    const { state } = await waitFor('the gate to take the approval', () => approve(people.rita, site, gate).catch((error: { code?: string }) => {
      // Its workflow may be on its way back.
      if (error.code === 'unavailable' || error.code === 'not_found') return undefined
      throw error
    }))
    assert.equal(state, 'approved')
    const inForce = await people.rita.get<{ items: { release: { id: string } }[] }>(`/v1/families/${millFamily}/in-force`, { site })
    assert.deepEqual(inForce.items.map(({ release }) => release.id), [gate.release])
  })
})
