import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { approveInEmergency } from '../../../registry/services/gates/approve-in-emergency.ts'
import { openGateWith } from '../../../registry/services/gates/open-gate.ts'
import { requestPromotion } from '../../../registry/services/gates/request-promotion.ts'
import { reviewGate } from '../../../registry/services/gates/review-gate.ts'
import { rollBack } from '../../../registry/services/gates/roll-back.ts'
import { createGovernanceSite, newKey, type GovernanceSite } from '../../helpers/governance.ts'
import { useStack } from '../../helpers/stack.ts'

/** Transactions alone: the way through an emergency asks nothing of Temporal. */
describe('what an emergency let in, and its review rejected', () => {
  let plant: GovernanceSite
  let first: string
  before(async () => {
    plant = await createGovernanceSite(await useStack())
    await plant.govern({ 'promote-model': { emergency: { roles: ['reliability-engineer'] } } })
    first = (await letIn()).release
  })
  after(async () => { await plant?.end() })

  async function letIn(): Promise<{ release: string; reject: () => ReturnType<typeof reviewGate> }> {
    const { site, ctx, people } = plant
    const { release } = await plant.release()
    const { gate } = await requestPromotion(ctx, people.mia, { site, release, role: 'champion', reason: 'better' })
    const { evidenceDigest } = await openGateWith(ctx, { site, gate }, { body: {}, commitNumber: 1 })
    await approveInEmergency(ctx, people.rita, { site, gate, evidenceDigest: evidenceDigest!, reason: 'The pumps run dry.' })
    return { release, reject: () => reviewGate(ctx, people.ron, { site, gate, onBehalfOf: null, verdict: 'reject', evidenceDigest: evidenceDigest!, comment: 'It was none.' }) }
  }
  const back = (to?: string) => rollBack(plant.ctx, plant.people.rita, { site: plant.site, family: plant.family, to, reason: 'worse', requestId: newKey() })

  it('is not put in force again by a roll back, which says what can be done', async () => {
    const { release, reject } = await letIn()
    assert.equal((await reject()).rolledBack?.release, first)
    for (const to of [undefined, release]) {
      await assert.rejects(back(to), { code: 'conflict', message: new RegExp(`^${release} was let in by an emergency.*rejected that \\(It was none\\.; gate .*Name a release.*\\(to\\).*ask for its promotion`) })
    }
    assert.equal(await plant.champion(), first)
  })

  it('is not gone back to by the next review either', async () => {
    const [one, two] = [await letIn(), await letIn()]
    assert.equal((await one.reject()).rolledBack, null, 'something else judges by now')
    assert.equal(await plant.champion(), two.release)
    assert.equal((await two.reject()).rolledBack?.release, first)
    assert.equal(await plant.champion(), first)
  })

  it('is rolled back also where a roll back had put it in force once more', async () => {
    const { release, reject } = await letIn()
    assert.equal((await back()).release, first)
    assert.equal((await back()).release, release, 'nothing was said of it yet')
    assert.equal((await reject()).rolledBack?.release, first)
    assert.equal(await plant.champion(), first)
  })
})
