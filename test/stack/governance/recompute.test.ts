import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { addReviewer } from '../../../registry/services/gates/add-reviewer.ts'
import { askChanges } from '../../../registry/services/gates/ask-changes.ts'
import { commentOnGate } from '../../../registry/services/gates/comment-on-gate.ts'
import { decideGate } from '../../../registry/services/gates/decide-gate.ts'
import { openGateWith } from '../../../registry/services/gates/open-gate.ts'
import { getGate, type GateDetail } from '../../../registry/services/read/gates.ts'
import { recomputeEvidence } from '../../../registry/services/gates/recompute-evidence.ts'
import { requestPromotion } from '../../../registry/services/gates/request-promotion.ts'
import { tendGate } from '../../../registry/services/gates/tend-gate.ts'
import { createGovernanceSite, type GovernanceSite } from '../../helpers/governance.ts'
import { useStack } from '../../helpers/stack.ts'

const HOUR = 3_600_000_000

/** Transactions alone, on a clock of the test's own. */
describe('computing evidence anew', () => {
  let plant: GovernanceSite
  let nowUs = 0
  before(async () => {
    plant = await createGovernanceSite(await useStack())
    nowUs = plant.ctx.nowUs()
    await plant.govern({ 'promote-model': {
      requiredApprovals: 2, expiresAfterSeconds: 86_400, remindEverySeconds: null, escalation: [{ afterSeconds: 3600, to: 'shift-lead' }, { afterSeconds: 7200, to: 'plant-lead' }],
    } })
  })
  after(async () => { await plant?.end() })

  const ctx = () => ({ ...plant.ctx, nowUs: () => nowUs })
  const at = (gate: string) => ({ site: plant.site, gate })
  const open = async (gate: string, n: number) => (await openGateWith(ctx(), at(gate), { body: { n }, commitNumber: n })).evidenceDigest!
  const look = (gate: string) => getGate(ctx(), plant.people.vera, at(gate))
  const told = async () => (await plant.asOwner<{ to: string[] }>(
    "select payload->'data'->'to' as to from outbox where channel = 'bus' and kind = 'gate.escalated' order by outbox_id")).flatMap(({ to }) => to)

  it('takes along what was asked, who must approve, how far it was escalated, and the end; not the approvals', async () => {
    const { rita, ron, mia, otto } = plant.people
    const { release } = await plant.release()
    const { gate: first } = await requestPromotion(ctx(), mia, { site: plant.site, release, role: 'champion', reason: 'better' })
    const digest = await open(first, 1)
    await commentOnGate(ctx(), otto, { ...at(first), comment: 'It ran hot.' })
    await addReviewer(ctx(), mia, { ...at(first), reviewer: 'ron', required: true, onBehalfOf: null })
    await addReviewer(ctx(), mia, { ...at(first), reviewer: 'otto', required: false, onBehalfOf: null })
    await decideGate(ctx(), { ...at(first), actor: 'rita', verdict: 'approve', evidenceDigest: digest })
    await askChanges(ctx(), ron, { ...at(first), onBehalfOf: null, comment: 'Why so few?' })
    nowUs += 1.5 * HOUR
    await tendGate(ctx(), at(first))
    assert.deepEqual(await told(), ['shift-lead'])

    const before = await look(first)
    const { gate: second } = await recomputeEvidence(ctx(), rita, { ...at(first), reason: 'new data' })
    const collecting = await tendGate(ctx(), at(second))
    assert.equal(collecting.state, 'collecting')
    await open(second, 2)
    const after = await look(second)
    const kept = ({ family, kind, subject, role, scope, reason, requestedBy, authors, expiresAt, rules, escalatedTo, changesAsked, reviewers, thread }: GateDetail) =>
      ({ family, kind, subject, role, scope, reason, requestedBy, authors, expiresAt, rules, escalatedTo, changesAsked, reviewers, thread })
    assert.deepEqual(kept(after), kept(before))
    assert.deepEqual([after.changesAsked.length, after.reviewers.length, after.thread.length, after.escalatedTo], [1, 2, 2, ['shift-lead']])
    assert.deepEqual([after.approvals, after.decisions], [0, []])
    const former = await look(first)
    assert.equal(former.state, 'voided')
    assert.match(former.closedBecause ?? '', new RegExp(`new data; gate ${second} asks for the same`))

    const standing = await tendGate(ctx(), at(second))
    assert.deepEqual(await told(), ['shift-lead'], 'what was told is not told again')
    nowUs += 0.6 * HOUR
    assert.ok((standing.wakeAtUs ?? Infinity) < nowUs, 'the next step is due two hours after the first request')
    await tendGate(ctx(), at(second))
    assert.deepEqual(await told(), ['shift-lead', 'plant-lead'])

    nowUs += 24 * HOUR
    assert.equal((await tendGate(ctx(), at(second))).state, 'expired')
    const audited = async (gate: string) => (await plant.asOwner<{ verb: string; actor_id: string }>(
      'select verb, actor_id from audit_entry where subject = $1 order by audit_id', [`gate/${gate}`])).map(({ verb, actor_id }) => `${verb} by ${actor_id}`)
    assert.deepEqual((await audited(first)).slice(-2), ['escalate-gate by twinward:gates', 'void-gate by rita'])
    assert.deepEqual(await audited(second), ['recompute-evidence by rita', 'escalate-gate by twinward:gates', 'expire-gate by twinward:gates'])
  })
})
