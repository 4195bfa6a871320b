import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { platformActor } from '../../../registry/domain/access/rights.ts'
import { localAlarmExample, type LocalAlarm } from '../../../registry/domain/contract/local-alarm.ts'
import { readReport } from '../../../registry/domain/contract/read-report.ts'
import { listLocalAlarms } from '../../../registry/services/read/local-alarms.ts'
import { recordGatewayReport } from '../../../registry/services/record-gateway-report.ts'
import { createIngestPlant, S, T0 } from '../../helpers/ingest-plant.ts'

const ACTOR = platformActor('test')
const recorded = JSON.parse(readFileSync(path.join(import.meta.dirname, '../../fixtures/contract-1/report.json'), 'utf8')) as Record<string, unknown>

async function plantFor(t: TestContext) {
  const plant = await createIngestPlant()
  t.after(() => plant.drop())
  let sentUs = T0 + 61 * S
  return {
    plant,
    /** A report with these alarms, from a gateway of now. */
    tell: (alarms: readonly LocalAlarm[]) => {
      sentUs += S
      const report = readReport(new TextEncoder().encode(JSON.stringify({ ...recorded, site: plant.site, sentUs, alarms })), { site: plant.site, gateway: 'gw-1' })
      return recordGatewayReport(plant.ctx, ACTOR, report, sentUs)
    },
    list: async (filter: { asset?: string; state?: 'active' | 'cleared' } = {}) => (await listLocalAlarms(plant.ctx, ACTOR, { site: plant.site, limit: 10, ...filter })).items,
    events: () => plant.rows<{ kind: string }>("select kind from outbox where kind like 'local-alarm.%' and channel = 'bus' order by outbox_id"),
  }
}
const alarm = (more: Partial<LocalAlarm> = {}): LocalAlarm => ({ ...localAlarmExample, id: 'a-1', asset: 'p', sinceUs: T0, raisedUs: T0 + S, ...more })
const over: Partial<LocalAlarm> = { revision: 3, state: 'cleared', clearedUs: T0 + 50 * S, because: 'normal', acknowledged: { by: 'otto', atUs: T0 + 20 * S, comment: null } }

test('what a gateway tells again, or late, changes nothing; each alarm is announced once when it is raised and once when it is over', async (t) => {
  const { tell, list, events } = await plantFor(t)
  assert.deepEqual((await tell([alarm()])).alarms, [{ id: 'a-1', revision: 1 }])
  await tell([alarm(over), alarm({ id: 'a-2', raisedUs: T0 + 90 * S })])
  assert.deepEqual((await tell([alarm({ revision: 2 })])).alarms, [{ id: 'a-1', revision: 2 }], 'an old revision is confirmed, so that it is not told for ever')
  await tell([alarm(over)])
  const [newest, first] = await list()
  assert.deepEqual([newest?.id, newest?.state], ['a-2', 'active'])
  assert.deepEqual([first?.state, first?.revision, first?.acknowledged?.by, first?.because, first?.numbers], ['cleared', 3, 'otto', 'normal', alarm().numbers])
  assert.deepEqual((await events()).map(({ kind }) => kind), ['local-alarm.raised', 'local-alarm.cleared', 'local-alarm.raised'])
})

test('one that was raised and over while there was no connection comes as one episode, with both', async (t) => {
  const { tell, list, events } = await plantFor(t)
  await tell([alarm(over)])
  assert.deepEqual((await events()).map(({ kind }) => kind), ['local-alarm.raised', 'local-alarm.cleared'])
  assert.deepEqual([(await list({ state: 'active' })).length, (await list({ state: 'cleared' })).length, (await list({ asset: 'q' })).length], [0, 1, 0])
})

test('a gateway of before knows none, and one that says nonsense is refused whole', async (t) => {
  const { plant, tell, list } = await plantFor(t)
  const before = readReport(new TextEncoder().encode(JSON.stringify({ ...recorded, site: plant.site })), { site: plant.site, gateway: 'gw-1' })
  assert.deepEqual((await recordGatewayReport(plant.ctx, ACTOR, before, T0)).alarms, [])
  assert.throws(() => { void tell([alarm({ severity: 'dire' as 'high' })]) }, { code: 'contract_broken' })
  assert.equal((await list()).length, 0)
})
