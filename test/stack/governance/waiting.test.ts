import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import type { Role } from '../../../registry/domain/access/rights.ts'
import { DomainError } from '../../../registry/domain/errors.ts'
import { gateRulesSchema } from '../../../registry/domain/gates/rules.ts'
import { decideGate } from '../../../registry/services/gates/decide-gate.ts'
import { openGateWith } from '../../../registry/services/gates/open-gate.ts'
import { getGate, listGates, type GateView } from '../../../registry/services/read/gates.ts'
import type { Page } from '../../../registry/services/read/page.ts'
import { reviewGate } from '../../../registry/services/gates/review-gate.ts'
import { putActor } from '../../../registry/store/actors.ts'
import { findRelease } from '../../../registry/store/assignments.ts'
import { insertDelegation } from '../../../registry/store/delegations.ts'
import { insertDecision, putReviewer } from '../../../registry/store/gate-parts.ts'
import { insertGate, setReviewDue } from '../../../registry/store/gates.ts'
import { inSite } from '../../../registry/store/transaction.ts'
import { createGovernanceSite, type GovernanceSite } from '../../helpers/governance.ts'
import { useStack } from '../../helpers/stack.ts'

const runs = Number(process.env['TWINWARD_MODEL_RUNS'] ?? 30)
const people = ['ann', 'bob', 'cy', 'dee']
const NOW = 1_000_000_000
const roles: Role[] = ['viewer', 'operator', 'ml-engineer', 'reliability-engineer', 'admin']

const person = fc.constantFrom(...people)
const gateArbitrary = fc.record({
  state: fc.constantFrom('collecting', 'open', 'open', 'open', 'expired-untold', 'review', 'review', 'approved'), roles: fc.oneof(fc.constant<Role[]>(['reliability-engineer']), fc.subarray(roles, { minLength: 1, maxLength: 2 })),
  requestedBy: person, authors: fc.subarray(people, { maxLength: 1 }), approvals: fc.array(fc.record({ by: person, onBehalfOf: fc.option(person) }), { maxLength: 1 }),
  reviewers: fc.uniqueArray(fc.record({ id: person, required: fc.boolean() }), { maxLength: 2, selector: ({ id }) => id }), alone: person,
})
type DrawnGate = typeof gateArbitrary extends fc.Arbitrary<infer T> ? T : never
const worldArbitrary = fc.record({
  roles: fc.tuple(...people.map(() => fc.oneof(fc.constant<Role[]>(['reliability-engineer']), fc.subarray(roles, { minLength: 1, maxLength: 2 })))),
  disabled: fc.subarray(people, { maxLength: 1 }),
  delegations: fc.array(fc.record({ from: person, to: fc.oneof(fc.constant('dee'), person), ofFamily: fc.boolean(), over: fc.constantFrom(false, false, false, true) }), { maxLength: 6 }),
  gates: fc.array(gateArbitrary, { minLength: 1, maxLength: 4 }),
})
type World = typeof worldArbitrary extends fc.Arbitrary<infer T> ? T : never

describe('what waits for me', () => {
  let plant: GovernanceSite
  let releaseRef: number
  before(async () => {
    plant = await createGovernanceSite(await useStack())
    const { release } = await plant.release()
    releaseRef = await inSite(plant.pool, plant.site, async (tx) => (await findRelease(tx, plant.site, { release }))!.releaseRef)
    for (const id of people) await inSite(plant.pool, plant.site, (tx) => putActor(tx, { site: plant.site, actorId: id, name: id, kind: 'person', roles: ['viewer'] }))
  })
  after(async () => { await plant?.end() })

  const ctx = () => ({ ...plant.ctx, nowUs: () => NOW })

  async function store(gate: DrawnGate): Promise<string> {
    const { site, family } = plant
    const gateId = randomUUID()
    const rules = gateRulesSchema.parse({
      requiredApprovals: 3, roles: gate.roles, emergency: { roles: ['reliability-engineer'] }, expiresAtUs: gate.state === 'expired-untold' ? NOW - 1 : NOW + 1_000_000,
    })
    await inSite(plant.pool, site, async (tx) => {
      await insertGate(tx, {
        gateId, site, family, kind: 'promote-model', role: 'champion', scope: { kind: 'asset', id: `a${gateId.slice(0, 8)}` }, releaseRef, replacesReleaseRef: null, rules, reason: 'x',
        requestedBy: gate.requestedBy, authors: gate.authors, nowUs: 1,
      })
      for (const reviewer of gate.reviewers) await putReviewer(tx, { site, gateId, actorId: reviewer.id, required: reviewer.required, addedBy: 'x', nowUs: 1 })
    })
    if (gate.state === 'collecting') return gateId
    const { evidenceDigest } = await openGateWith(ctx(), { site, gate: gateId }, { body: {}, commitNumber: 1 })
    const decide = (by: string, onBehalfOf: string | null, stage: 'decision' | 'emergency') => inSite(plant.pool, site, (tx) => insertDecision(tx, {
      site, gateId, actorId: by, onBehalfOf, roles: gate.roles, stage, verdict: 'approve', evidenceDigest: evidenceDigest!, comment: 'x', nowUs: 2,
    }))
    for (const { by, onBehalfOf } of gate.approvals) await decide(by, onBehalfOf === by ? null : onBehalfOf, 'decision')
    if (gate.state === 'review') {
      await decide(gate.alone, null, 'emergency')
      await inSite(plant.pool, site, (tx) => setReviewDue(tx, gateId, NOW))
    }
    if (gate.state === 'review' || gate.state === 'approved') await plant.asOwner("update gate set state = 'approved', closed_at = now() where gate_id = $1", [gateId])
    return gateId
  }

  async function arrange(world: World): Promise<string[]> {
    await plant.asOwner("update gate set state = 'voided', review_state = null; update delegation set revoked_at = now(), revoked_by = 'test'")
    for (const [i, id] of people.entries()) {
      await plant.asOwner('update actor set roles = $2, disabled_at = case when $3 then now() end where actor_id = $1', [id, world.roles[i], world.disabled.includes(id)])
    }
    for (const { from, to, ofFamily, over } of world.delegations.filter((d) => d.from !== d.to)) {
      await inSite(plant.pool, plant.site, (tx) => insertDelegation(tx, {
        id: randomUUID(), site: plant.site, family: ofFamily ? plant.family : null, delegator: from, delegate: to, reason: 'away', madeUs: 1, endsUs: over ? NOW : NOW + 1,
      }))
    }
    const gates: string[] = []
    for (const gate of world.gates) gates.push(await store(gate))
    return gates
  }

  it('is the same by SQL, by the machine that is shown, and by the services that decide', { timeout: 300_000 }, async () => {
    const seen = new Set<number>()
    // In no name, in one's own, and in somebody else's too: cy asked for it, and ann is away.
    const covering: World = {
      roles: people.map((): Role[] => ['reliability-engineer']), disabled: [], delegations: [{ from: 'ann', to: 'dee', ofFamily: false, over: false }],
      gates: [{ state: 'open', roles: ['reliability-engineer'], requestedBy: 'cy', authors: [], approvals: [], reviewers: [], alone: 'ann' }],
    }
    await fc.assert(fc.asyncProperty(worldArbitrary, async (world) => {
      const gates = await arrange(world)
      for (const [i, id] of people.entries()) {
        if (world.disabled.includes(id)) continue
        const actor = { id, roles: world.roles[i]!, sites: [plant.site] }
        const listed = async (waitingForMe: boolean) => {
          const out: GateView[] = []
          // Gates of the worlds before are there still, as void ones.
          for (let cursor: string | null | undefined; cursor !== null;) {
            const page: Page<GateView> = await listGates(ctx(), actor, { site: plant.site, waitingForMe, limit: 200, ...(cursor !== undefined && { cursor }) })
            out.push(...page.items)
            cursor = page.nextCursor
          }
          return out
        }
        const shown = (await listed(false)).filter((gate) => gate.waitingForMe).map((gate) => gate.id)
        assert.deepEqual((await listed(true)).map((gate) => gate.id), shown, `${id}: SQL and machine`)
        for (const gate of gates) {
          const { deciding, evidenceDigest, emergency } = await getGate(ctx(), actor, { site: plant.site, gate })
          assert.equal(deciding.length > 0, shown.includes(gate))
          seen.add(deciding.length)
          // With no evidence that exists nothing is decided: who may is told that the evidence is another, who may not is told so.
          const about = { site: plant.site, gate, evidenceDigest: 'f'.repeat(64), comment: 'tried' }
          for (const onBehalfOf of evidenceDigest === null ? [] : people) {
            const answer = await (emergency?.review.state === 'due'
              ? reviewGate(ctx(), actor, { ...about, onBehalfOf, verdict: 'reject' }) : decideGate(ctx(), { ...about, actor: id, onBehalfOf, verdict: 'reject' })).catch((error: unknown) => error)
            assert.ok(answer instanceof DomainError, String(answer))
            const able = answer.code === 'evidence_changed'
            // Whether they have decided before is asked only once the evidence is the right one.
            const decided = [id, onBehalfOf].some((name) => world.gates[gates.indexOf(gate)]!.approvals.some(({ by, onBehalfOf: whose }) => name === by || name === whose))
            assert.equal(able && !decided, deciding.includes(onBehalfOf), `${id} for ${onBehalfOf}: ${answer.code} ${answer.message}`)
          }
        }
      }
    }), { numRuns: runs, examples: [[covering]] })
    for (const length of [0, 1, 2]) assert.ok(seen.has(length), `nobody could decide in ${length} names`)
  })
})
