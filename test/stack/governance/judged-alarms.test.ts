import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { platformActor } from '../../../registry/domain/access/rights.ts'
import { gatewayReportExample, type GatewayReport } from '../../../registry/domain/contract/gateway-report.ts'
import { localAlarmExample, type LocalAlarm } from '../../../registry/domain/contract/local-alarm.ts'
import { acknowledgeAlert } from '../../../registry/services/acknowledge-alert.ts'
import { acknowledgeLocalAlarm } from '../../../registry/services/acknowledge-local-alarm.ts'
import { closeAlert } from '../../../registry/services/close-alert.ts'
import { createWebhook } from '../../../registry/services/create-webhook.ts'
import { tellJudgedAlarms } from '../../../registry/services/judged-alarms.ts'
import { recordGatewayReport } from '../../../registry/services/record-gateway-report.ts'
import { raiseAlert, type RaisedAlert } from '../../../registry/store/alerts.ts'
import { inSite } from '../../../registry/store/transaction.ts'
import { createGovernanceSite, type GovernanceSite } from '../../helpers/governance.ts'
import { useStack } from '../../helpers/stack.ts'

const S = 1_000_000
const DAY_US = 86_400 * S
const T0 = Math.floor(Date.now() / 1000 - 7200) * S
const LANDING = platformActor('landing')
const digest = 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9'

describe('a release’s alarm at a gateway and the platform’s own', () => {
  let plant: GovernanceSite
  let scores = 0
  let sent = 0
  before(async () => {
    plant = await createGovernanceSite(await useStack())
    await plant.release()
    await createWebhook(plant.ctx, platformActor('test'), { site: plant.site, url: 'https://on-call.invalid/hook', events: ['alert.*', 'local-alarm.*'] })
  })
  after(() => plant.end())

  const judged = (rule: string, changes: Partial<LocalAlarm> = {}): LocalAlarm => ({
    ...localAlarmExample, id: `box-${rule}`, asset: 'pump-1', rule, sinceUs: T0, raisedUs: T0 + S, numbers: [],
    judgement: {
      release: { id: 'pumps-r1', digest }, bundle: { digest, issue: 1 }, window: { startUs: T0 - 60 * S, endUs: T0 }, score: 3, confidence: 0.99, signal: 'confidence', value: 0.99, raiseAt: 0.9, clearAt: 0.8,
      failureMode: null, replay: 'exact',
    },
    ...changes,
  })
  const seen = (atUs: number) => ({ by: 'otto', atUs, comment: 'on my way' })
  const report = (...alarms: LocalAlarm[]) => {
    const given: GatewayReport = { ...gatewayReportExample, site: plant.site, gateway: 'gw-1', sentUs: Date.now() * 1000 + sent++, gaps: [], judged: [], mappings: [], commands: [], alarms }
    return recordGatewayReport(plant.ctx, LANDING, given, plant.ctx.nowUs())
  }
  const raise = (rule: string, raisedAtUs = T0): Promise<RaisedAlert> => inSite(plant.pool, plant.site, async (tx) => {
    const { rows: [window] } = await tx.query<{ window_id: string; asset_ref: number }>('select window_id, asset_ref from feature_window order by window_id limit 1 offset $1', [scores++])
    const { rows: [release] } = await tx.query<{ release_ref: number }>('select max(release_ref) as release_ref from release')
    const { rows: [score] } = await tx.query<{ score_id: string }>(
      `insert into score (site_id, asset_ref, window_id, window_end, revision, lane, release_ref, role, runtime_digest)
       select site_id, asset_ref, window_id, window_end, revision, lane, $2, 'champion', 'x' from feature_window where window_id = $1 returning score_id`, [window?.window_id, release?.release_ref])
    return raiseAlert(tx, {
      assetRef: window?.asset_ref ?? 0, asset: 'pump-1', ruleId: rule, severity: 'high', failureMode: null, recommendedAction: 'Look.', releaseRef: release?.release_ref ?? 0, scoreId: score?.score_id ?? '', raisedAtUs,
      pages: true, nowUs: plant.ctx.nowUs(), routing: { channels: { low: [], medium: [], high: [], urgent: [] }, acknowledgeWithinSeconds: 600, escalation: [] },
    })
  })
  const alarmOf = async (rule: string) => (await plant.asOwner<{ alert_id: string | null; told: boolean }>('select alert_id, told_at is not null as told from local_alarm where alarm_id = $1', [`box-${rule}`]))[0]
  const stateOf = async (alertId: string) => (await plant.asOwner<{ state: string; acknowledged_by: string | null }>('select state, acknowledged_by from alert where alert_id = $1', [alertId]))[0]
  /** What called somebody, of a rule. */
  const calls = async (rule: string) => (await plant.asOwner<{ type: string }>(
    "select payload->>'type' as type from outbox where channel = 'webhook' and payload->'data'->>'rule' = $1 order by 1", [rule])).map(({ type }) => type)
  const aMinuteOn = () => tellJudgedAlarms({ pool: plant.pool, nowUs: () => plant.ctx.nowUs() + 61 * S })

  it('acknowledged at the box before the platform came to it: one episode, and nobody is called', async () => {
    await report(judged('first', { revision: 2, acknowledged: seen(T0 + 60 * S) }))
    assert.deepEqual(await calls('first'), [])
    const { alertId } = await raise('first')
    assert.deepEqual([(await alarmOf('first'))?.alert_id, await stateOf(alertId), await calls('first')], [alertId, { state: 'acknowledged', acknowledged_by: 'gateway/gw-1: otto' }, []])
  })

  it('the platform first: it calls; who acknowledges at the box then has acknowledged it, and the other way round the box is told', async () => {
    const { alertId } = await raise('second')
    await report(judged('second'))
    assert.deepEqual([(await alarmOf('second'))?.alert_id, (await stateOf(alertId))?.state, await calls('second')], [alertId, 'unacknowledged', ['alert.raised']])
    await aMinuteOn()
    await report(judged('second', { revision: 2, acknowledged: seen(T0 + 60 * S) }))
    assert.equal((await stateOf(alertId))?.state, 'acknowledged')

    const other = await raise('third')
    await report(judged('third'))
    await assert.rejects(acknowledgeLocalAlarm(plant.ctx, plant.people.otto, { site: plant.site, gateway: 'gw-1', alarm: 'box-third', comment: '' }), { code: 'conflict' })
    await acknowledgeAlert(plant.ctx, plant.people.otto, { site: plant.site, alert: other.alertId, note: 'seen' })
    const { commands } = await report(judged('third'))
    assert.deepEqual(commands.map(({ kind }) => kind), ['acknowledge'])
  })

  it('where the platform does not come to it within a minute its receivers are told, once, and the alert calls nobody again', async () => {
    await report(judged('lost'))
    assert.equal(await tellJudgedAlarms(plant.ctx), 0, 'not yet')
    assert.equal(await aMinuteOn(), 1)
    assert.equal(await aMinuteOn(), 0)
    const { alertId } = await raise('lost')
    assert.deepEqual([await calls('lost'), (await alarmOf('lost'))?.alert_id, (await stateOf(alertId))?.state], [['local-alarm.raised'], alertId, 'unacknowledged'])
    await report(judged('lost', { revision: 2, state: 'cleared', clearedUs: T0 + 600 * S, because: 'normal' }))
    assert.deepEqual(await calls('lost'), ['local-alarm.cleared', 'local-alarm.raised'])
  })

  it('an alert that somebody closed by hand is over: a later alarm is another episode', async () => {
    const { alertId } = await raise('closed', T0 - 30 * DAY_US)
    await closeAlert(plant.ctx, plant.people.otto, { site: plant.site, alert: alertId, reason: 'test' })
    await report(judged('closed', { sinceUs: T0 + 30 * DAY_US, judgement: { ...judged('x').judgement!, window: { startUs: T0 + 30 * DAY_US - 60 * S, endUs: T0 + 30 * DAY_US } } }))
    assert.equal((await alarmOf('closed'))?.alert_id, null)
    assert.equal(await aMinuteOn(), 1)
  })

  it('a word of weeks ago silences nobody', async () => {
    await report(judged('old', { revision: 2, sinceUs: T0 - 40 * DAY_US, acknowledged: seen(T0 - 40 * DAY_US) }))
    const { alertId } = await raise('old')
    assert.deepEqual([(await stateOf(alertId))?.state, await calls('old'), (await alarmOf('old'))?.alert_id], ['unacknowledged', ['alert.raised'], alertId])
  })

  it('a report and the closing of its window that passed each other are brought together afterwards', async () => {
    const { alertId } = await raise('passing')
    await report(judged('passing', { revision: 2, acknowledged: seen(T0 + 60 * S) }))
    await plant.asOwner("update local_alarm set alert_id = null where alarm_id = 'box-passing'")
    await plant.asOwner("update alert set state = 'unacknowledged', acknowledged_by = null where alert_id = $1", [alertId])
    assert.equal(await aMinuteOn(), 0)
    assert.deepEqual([(await alarmOf('passing'))?.alert_id, (await stateOf(alertId))?.state, (await calls('passing')).includes('local-alarm.raised')], [alertId, 'acknowledged', false])
  })

  it('one by a rule of the site file stands for itself: told at once, acknowledged through an order, once', async () => {
    await report(judged('own-rule', { judgement: null }))
    assert.deepEqual(await calls('own-rule'), ['local-alarm.raised'])
    const ask = (alarm: string) => acknowledgeLocalAlarm(plant.ctx, plant.people.otto, { site: plant.site, gateway: 'gw-1', alarm, comment: 'seen' })
    assert.deepEqual([(await ask('box-own-rule')).state, (await ask('box-own-rule')).state], ['ordered', 'ordered'])
    await assert.rejects(ask('box-none'), { code: 'not_found' })
    await assert.rejects(acknowledgeLocalAlarm(plant.ctx, plant.people.vera, { site: plant.site, gateway: 'gw-1', alarm: 'box-own-rule', comment: '' }), { code: 'forbidden' })
    const { commands } = await report()
    assert.equal(commands.filter((command) => command.kind === 'acknowledge' && command.alarm === 'box-own-rule').length, 1)
    await report(judged('own-rule', { judgement: null, revision: 2, acknowledged: seen(T0) }))
    assert.equal((await ask('box-own-rule')).state, 'acknowledged')
  })
})
