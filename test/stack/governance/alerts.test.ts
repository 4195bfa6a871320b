import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { verifySignature } from '../../../activities/notify/signature.ts'
import type { Keeper } from '../../../infra/keeper.ts'
import type { WorkerProcess } from '../../../infra/worker.ts'
import { platformActor } from '../../../registry/domain/access/rights.ts'
import { acknowledgeAlert } from '../../../registry/services/acknowledge-alert.ts'
import { closeAlert } from '../../../registry/services/close-alert.ts'
import { familyGovernanceSchema } from '../../../registry/domain/governance/family.ts'
import { createFamily } from '../../../registry/services/create-family.ts'
import { createWebhook } from '../../../registry/services/create-webhook.ts'
import { createWorkOrder } from '../../../registry/services/create-work-order.ts'
import { giveFeedback } from '../../../registry/services/give-feedback.ts'
import { reviewLabel } from '../../../registry/services/review-label.ts'
import { shelveAlert } from '../../../registry/services/shelve-alert.ts'
import { clearAlert, raiseAlert, type RaisedAlert } from '../../../registry/store/alerts.ts'
import type { BusEvent } from '../../../registry/domain/contract/bus-event.ts'
import { inSite } from '../../../registry/store/transaction.ts'
import { createGovernanceSite, until, type GovernanceSite } from '../../helpers/governance.ts'
import { useStack } from '../../helpers/stack.ts'
import { T0 } from '../../helpers/training.ts'

interface Received { event: BusEvent; body: string; signature: string }

/** A receiver that fails its first call, so that the relay has to come again. */
async function startReceiver(): Promise<{ url: string; received: Received[]; calls: () => number; close(): Promise<void> }> {
  const received: Received[] = []
  let calls = 0
  const server = http.createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => { body += chunk.toString() })
    request.on('end', () => {
      calls++
      if (calls === 1) return response.writeHead(503).end()
      received.push({ event: JSON.parse(body) as BusEvent, body, signature: String(request.headers['twinward-signature']) })
      response.writeHead(204).end()
    })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, received, calls: () => calls,
    close: () => new Promise((resolve) => { server.close(() => { resolve() }) }),
  }
}

describe('alerts', () => {
  let plant: GovernanceSite
  let worker: WorkerProcess
  let keeper: Keeper
  let receiver: Awaited<ReturnType<typeof startReceiver>>
  let secret: string
  let scores = 0
  before(async () => {
    plant = await createGovernanceSite(await useStack())
    worker = await plant.startWorker()
    keeper = await plant.startKeeper()
    receiver = await startReceiver()
    await createFamily(plant.ctx, platformActor('test'), {
      site: plant.site, id: plant.family, name: 'Pumps', owner: 'rita', drift: {},
      governance: familyGovernanceSchema.parse({ alerts: { autoCloseAfterSeconds: 1 } }),
    })
    await plant.release()
    secret = (await createWebhook(plant.ctx, platformActor('test'), { site: plant.site, url: receiver.url, events: ['alert.*'] })).secret
  })
  after(async () => {
    await keeper?.stop()
    await worker?.stop()
    await receiver?.close()
    await plant?.end()
  })

  /** A score as closing a window leaves it, and the alert its decision raises. */
  const raise = (rule: string, options: { severity?: 'high' | 'urgent'; pages?: boolean; scoreId?: string } = {}): Promise<RaisedAlert & { scoreId: string }> =>
    inSite(plant.pool, plant.site, async (tx) => {
      const window = await tx.query<{ window_id: string; asset_ref: number }>('select window_id, asset_ref from feature_window order by window_id limit 1 offset $1', [scores++])
      const { window_id, asset_ref } = window.rows[0]!
      const release = await tx.query<{ release_ref: number }>('select max(release_ref) as release_ref from release')
      const scoreId = options.scoreId ?? (await tx.query<{ score_id: string }>(
        `insert into score (site_id, asset_ref, window_id, window_end, revision, lane, release_ref, role, runtime_digest)
         select site_id, asset_ref, window_id, window_end, revision, lane, $2, 'champion', 'x' from feature_window where window_id = $1 returning score_id`,
        [window_id, release.rows[0]!.release_ref])).rows[0]!.score_id
      const raised = await raiseAlert(tx, {
        assetRef: asset_ref, asset: 'pump-1', ruleId: rule, severity: options.severity ?? 'high', failureMode: 'VIB', recommendedAction: 'Inspect the bearing.',
        releaseRef: release.rows[0]!.release_ref, scoreId, raisedAtUs: T0, pages: options.pages ?? true, nowUs: plant.ctx.nowUs(),
        routing: { channels: { low: [], medium: [], high: ['#pumps'], urgent: [] }, acknowledgeWithinSeconds: 1, escalation: [{ afterSeconds: 1, to: 'shift-lead' }, { afterSeconds: 2, to: 'owner' }] },
      })
      return { ...raised, scoreId }
    })
  const clear = (rule: string) => inSite(plant.pool, plant.site, async (tx) => {
    const { rows } = await tx.query<{ asset_ref: number }>("select asset_ref from asset where asset_id = 'pump-1'")
    return clearAlert(tx, { assetRef: rows[0]!.asset_ref, ruleId: rule, clearedAtUs: T0 + 60_000_000, nowUs: plant.ctx.nowUs() })
  })
  const kinds = async (alertId: string) => (await plant.asOwner<{ kind: string }>('select kind from alert_event where alert_id = $1 order by alert_event_id', [alertId])).map((row) => row.kind)
  const row = async (alertId: string) => (await plant.asOwner<{ state: string; escalation_level: number; severity: string }>('select state, escalation_level, severity from alert where alert_id = $1', [alertId]))[0]!
  const operator = () => plant.people.otto

  it('escalates step by step while nobody answers, and stops when somebody does', async () => {
    const { alertId, outcome } = await raise('unanswered')
    assert.equal(outcome, 'raised')
    await until('the last step', async () => (await row(alertId)).escalation_level === 2)
    assert.deepEqual(await kinds(alertId), ['raised', 'overdue', 'escalated', 'escalated'])
    await acknowledgeAlert(plant.ctx, operator(), { site: plant.site, alert: alertId, note: 'on my way' })
    await acknowledgeAlert(plant.ctx, operator(), { site: plant.site, alert: alertId, note: 'again' })
    assert.deepEqual((await kinds(alertId)).at(-1), 'acknowledged')
    await clear('unanswered')
    await until('it closes by itself', async () => (await row(alertId)).state === 'closed')
    await plant.client.workflow.getHandle(`alert/${alertId}`).result()
    assert.deepEqual(await kinds(alertId), ['raised', 'overdue', 'escalated', 'escalated', 'acknowledged', 'returned-to-normal', 'closed'])
  })

  it('is one episode per asset and rule: joins, sharpens, and comes back', async () => {
    const first = await raise('one-episode')
    assert.equal((await raise('one-episode', { scoreId: first.scoreId })).outcome, 'repeated')
    assert.deepEqual((await raise('one-episode')).outcome, 'joined')
    assert.deepEqual((await raise('one-episode', { severity: 'urgent' })).outcome, 'raised-again')
    assert.equal((await row(first.alertId)).severity, 'urgent')
    await clear('one-episode')
    assert.equal((await row(first.alertId)).state, 'returned-unacknowledged')
    assert.equal((await raise('one-episode')).outcome, 'raised-again')
    assert.equal((await row(first.alertId)).state, 'unacknowledged')
    assert.equal((await plant.asOwner<{ n: string }>("select count(*) as n from alert where rule_id = 'one-episode'"))[0]!.n, '1')
    await closeAlert(plant.ctx, operator(), { site: plant.site, alert: first.alertId, reason: 'test' })
    await plant.client.workflow.getHandle(`alert/${first.alertId}`).result()
    assert.equal((await raise('one-episode', { scoreId: first.scoreId })).outcome, 'repeated', 'a retried activity opens nothing after closing')
    assert.equal((await raise('one-episode')).outcome, 'raised', 'the rule may raise a new episode')
  })

  it('calls nobody while it is shelved, and goes on afterwards', async () => {
    const { alertId } = await raise('shelved')
    await shelveAlert(plant.ctx, operator(), { site: plant.site, alert: alertId, forSeconds: 2, reason: 'planned work' })
    await until('its time on the shelf ends', async () => (await kinds(alertId)).includes('unshelved'))
    assert.deepEqual(await kinds(alertId), ['raised', 'shelved', 'unshelved'].concat((await kinds(alertId)).slice(3)))
    await until('escalation goes on', async () => (await kinds(alertId)).includes('escalated'))
    await closeAlert(plant.ctx, operator(), { site: plant.site, alert: alertId, reason: 'test' })
  })

  it('becomes a work order, feedback, and once reviewed a label', async () => {
    const { alertId } = await raise('to-work-order', { pages: false })
    const input = { site: plant.site, alert: alertId }
    const [one, two] = await Promise.all([createWorkOrder(plant.ctx, operator(), input), createWorkOrder(plant.ctx, operator(), input)])
    assert.deepEqual(one, two)
    assert.equal(one.number, 'WO-000001')
    const { label } = await giveFeedback(plant.ctx, operator(), { ...input, verdict: 'confirmed', failureMode: null, note: 'outer race' })
    assert.notEqual(label, null)
    await assert.rejects(giveFeedback(plant.ctx, operator(), { ...input, verdict: 'false-alarm', failureMode: null, note: '' }), /not rewritten/)
    await reviewLabel(plant.ctx, plant.people.rita, { site: plant.site, label: label!, verdict: 'accepted' })
    const [stored] = await plant.asOwner<{ state: string; value: string; failure_mode: string; reviewed_by: string }>('select state, value, failure_mode, reviewed_by from label')
    assert.deepEqual(stored, { state: 'accepted', value: 'faulty', failure_mode: 'VIB', reviewed_by: 'rita' })
    await assert.rejects(reviewLabel(plant.ctx, operator(), { site: plant.site, label: label!, verdict: 'rejected' }), /may not review labels \(label\.review\) at site/)
    await closeAlert(plant.ctx, operator(), { ...input, reason: 'done' })
  })

  it('tells the site’s receivers, signed, again until they answer; and not about what must not page', async () => {
    await until('all messages went out', async () => (await plant.asOwner<{ n: string }>('select count(*) as n from outbox where dispatched_at is null'))[0]!.n === '0')
    const { received } = receiver
    assert.ok(receiver.calls() > received.length, 'the refused call was made again')
    for (const { body, signature } of received) assert.ok(verifySignature(secret, body, signature, Date.now() / 1000))
    assert.equal(new Set(received.map(({ event }) => event.id)).size, received.length)
    const types = received.map(({ event }) => event.type)
    for (const type of ['alert.raised', 'alert.overdue', 'alert.escalated', 'alert.acknowledged', 'alert.closed']) assert.ok(types.includes(type), type)
    const rules = received.map(({ event }) => (event.data as { rule: string }).rule)
    assert.ok(!rules.includes('to-work-order'))
  })
})
