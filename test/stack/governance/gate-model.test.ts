import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { DomainError } from '../../../registry/domain/errors.ts'
import type { GateRules } from '../../../registry/domain/gates/rules.ts'
import { addReviewer } from '../../../registry/services/gates/add-reviewer.ts'
import { answerGate } from '../../../registry/services/gates/answer-gate.ts'
import { approveInEmergency } from '../../../registry/services/gates/approve-in-emergency.ts'
import { askChanges } from '../../../registry/services/gates/ask-changes.ts'
import type { ServiceContext } from '../../../registry/services/context.ts'
import { decideGate } from '../../../registry/services/gates/decide-gate.ts'
import { voidRivals } from '../../../registry/services/gates/gate-closing.ts'
import { openGateWith } from '../../../registry/services/gates/open-gate.ts'
import { getGate } from '../../../registry/services/read/gates.ts'
import { reviewGate } from '../../../registry/services/gates/review-gate.ts'
import { tendGate } from '../../../registry/services/gates/tend-gate.ts'
import { withdrawGate } from '../../../registry/services/gates/withdraw-gate.ts'
import { putActor } from '../../../registry/store/actors.ts'
import { findRelease, lockSeat, switchAssignment, type Seat } from '../../../registry/store/assignments.ts'
import { insertDelegation } from '../../../registry/store/delegations.ts'
import { insertGate } from '../../../registry/store/gates.ts'
import type { Client, Pool } from '../../../registry/store/pool.ts'
import { inSite } from '../../../registry/store/transaction.ts'
import { cast, createOracle, newWorld, plays, RIGHT, rolesOf, rulesArbitrary, turn, type Act, type Crash, type Oracle, type World } from '../../helpers/gate-oracle.ts'
import { createGovernanceSite, type GovernanceSite } from '../../helpers/governance.ts'
import { useStack } from '../../helpers/stack.ts'

const CRASH = 'the process is gone'
const runs = Number(process.env['TWINWARD_MODEL_RUNS'] ?? 60)

/** A pool whose next commit never happens, or happens and is never heard of. */
function crashing(pool: Pool, next: { crash: Crash }): Pool {
  const wrap = (client: Client): Client => new Proxy(client, {
    get(target, property) {
      const value = Reflect.get(target, property, target) as unknown
      if (property !== 'query') return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value
      return async (...args: unknown[]) => {
        const { crash } = next
        const commits = args[0] === 'commit' && crash !== 'none'
        if (commits) next.crash = 'none'
        if (commits && crash === 'before') throw new Error(CRASH)
        const answer = await (value as (...args: unknown[]) => Promise<unknown>).apply(target, args)
        if (commits) throw new Error(CRASH)
        return answer
      }
    },
  })
  return { connect: async () => wrap(await pool.connect()) } as unknown as Pool
}

interface Facts {
  state: string; review: string | null; decisions: { by: string; whose: string; stage: string; verdict: string }[]; messages: Record<string, number>; reviewers: number
  switches: number; champions: number; rolledBack: number; ledger: { kind: string; body: Record<string, unknown> }[]; events: Record<string, number>; audits: Record<string, number>
}

describe('gates in the database, by any sequence of actions, clocks, lost roles and crashes', () => {
  let plant: GovernanceSite
  let candidate: number
  let rival: number
  before(async () => {
    plant = await createGovernanceSite(await useStack())
    for (const [id, roles] of Object.entries(cast)) {
      await inSite(plant.pool, plant.site, (tx) => putActor(tx, { site: plant.site, actorId: id, name: id, kind: 'person', roles }))
    }
    await plant.govern({}, 'olga')
    const refs = async (release: string) => inSite(plant.pool, plant.site, async (tx) => (await findRelease(tx, plant.site, { release }))!.releaseRef)
    candidate = await refs((await plant.release()).release)
    rival = await refs((await plant.release()).release)
  })
  after(async () => { await plant?.end() })

  /** A gate of its own seat, with rules and makers as the oracle knows them. */
  async function openGate(ctx: ServiceContext, rules: GateRules): Promise<{ gate: string; digest: string; seat: Seat }> {
    const gate = randomUUID()
    const seat = { site: plant.site, family: plant.family, role: 'champion', scope: { kind: 'asset', id: `a${gate.slice(0, 8)}` } } satisfies Seat
    await inSite(plant.pool, plant.site, (tx) => insertGate(tx, {
      gateId: gate, ...seat, kind: 'promote-model', releaseRef: candidate, replacesReleaseRef: null, rules, reason: 'better', requestedBy: 'req', authors: ['author'], nowUs: ctx.nowUs(),
    }))
    const { evidenceDigest } = await openGateWith(ctx, { site: plant.site, gate }, { body: {}, commitNumber: 1 })
    return { gate, digest: evidenceDigest!, seat }
  }

  async function reset(): Promise<void> {
    await plant.asOwner(`update delegation set revoked_at = now(), revoked_by = 'test'; update actor set roles = first.roles
      from (values ${Object.entries(cast).map(([id, roles]) => `('${id}', array['${roles.join("','")}'])`).join(', ')}) as first(id, roles) where actor.actor_id = first.id`)
  }

  /** The world outside the gate, in the database as in the oracle. */
  async function changeWorld(world: World, act: Act): Promise<void> {
    turn(world, act)
    await inSite(plant.pool, plant.site, async (tx) => {
      if (act.kind === 'roles') await tx.query('update actor set roles = $2 where actor_id = $1', [act.who, act.roles])
      if (act.kind === 'revoke') await tx.query("update delegation set revoked_at = now(), revoked_by = $1 where delegator_id = $1 and delegate_id = $2 and revoked_at is null", [act.from, act.to])
      if (act.kind === 'delegate' && act.from !== act.to) {
        await insertDelegation(tx, {
          id: randomUUID(), site: plant.site, family: null, delegator: act.from, delegate: act.to, reason: 'away', madeUs: world.nowUs, endsUs: world.nowUs + act.seconds * 1_000_000,
        })
      }
    })
  }

  async function perform(ctx: ServiceContext, world: World, at: { gate: string; digest: string; seat: Seat }, act: Act): Promise<void> {
    const { site } = plant
    const { gate } = at
    const actor = (id: string) => ({ id, roles: rolesOf(world, id), sites: [site] })
    const evidence = (digest: string) => (digest === RIGHT ? at.digest : digest)
    switch (act.kind) {
      case 'approve': case 'reject':
        return void await decideGate(ctx, { site, gate, actor: act.by, onBehalfOf: act.onBehalfOf, verdict: act.kind, evidenceDigest: evidence(act.digest), comment: 'because' })
      case 'confirm': case 'overturn':
        return void await reviewGate(ctx, actor(act.by), { site, gate, onBehalfOf: act.onBehalfOf, verdict: act.kind === 'confirm' ? 'confirm' : 'reject', evidenceDigest: evidence(act.digest), comment: 'because' })
      case 'emergency':
        return void await approveInEmergency(ctx, actor(act.by), { site, gate, evidenceDigest: evidence(act.digest), reason: 'it burns down' })
      case 'ask':
        return void await askChanges(ctx, actor(act.by), { site, gate, onBehalfOf: act.onBehalfOf, comment: act.text })
      case 'answer':
        return void await answerGate(ctx, actor(act.by), { site, gate, comment: act.text })
      case 'add-reviewer':
        return void await addReviewer(ctx, actor(act.by), { site, gate, reviewer: act.reviewer, required: act.required, onBehalfOf: null })
      case 'withdraw':
        return void await withdrawGate(ctx, actor(act.by), { site, gate, reason: 'mistake' })
      case 'overtake':
        return inSite(ctx.pool, site, async (tx) => {
          await lockSeat(tx, at.seat)
          const requestId = `overtake ${gate} ${world.nowUs}`
          const { rowCount } = await tx.query('select from assignment where request_id = $1', [requestId])
          if (rowCount !== 0) return
          await switchAssignment(tx, { seat: at.seat, releaseRef: rival, gateId: null, reason: 'test', assignedBy: 'test', requestId, nowUs: world.nowUs })
          await voidRivals(tx, at.seat, null, 'rival', world.nowUs)
        })
      default:
        return undefined
    }
  }

  const factsOf = ({ gate, seat }: { gate: string; seat: Seat }) => inSite(plant.pool, plant.site, async (tx) => (await tx.query<{ facts: Facts }>(
    `select jsonb_build_object(
       'state', g.state, 'review', g.review_state,
       'decisions', (select coalesce(jsonb_agg(jsonb_build_object('by', actor_id, 'whose', coalesce(on_behalf_of, actor_id), 'stage', stage, 'verdict', verdict) order by gate_decision_id), '[]') from gate_decision d where d.gate_id = g.gate_id),
       'messages', (select coalesce(jsonb_object_agg(kind, n), '{}') from (select kind, count(*) as n from gate_message m where m.gate_id = g.gate_id group by kind) as m),
       'reviewers', (select count(*) from gate_reviewer v where v.gate_id = g.gate_id),
       'switches', (select count(*) from assignment a where a.request_id = 'gate:' || g.gate_id),
       'rolledBack', (select count(*) from assignment a where a.request_id = 'gate:' || g.gate_id || ':review'),
       'champions', (select count(*) from assignment a where a.scope_id = $2 and upper_inf(a.valid)),
       'ledger', (select coalesce(jsonb_agg(jsonb_build_object('kind', kind, 'body', body::jsonb) order by entry_id), '[]') from ledger_entry where subject = 'gate/' || g.gate_id or body::jsonb->>'gate' = g.gate_id::text),
       'events', (select coalesce(jsonb_object_agg(kind, n), '{}') from (select kind, count(*) as n from outbox where channel = 'bus' and payload->'data'->>'gate' = g.gate_id::text group by kind) as o),
       'audits', (select coalesce(jsonb_object_agg(verb, n), '{}') from (select verb, count(*) as n from audit_entry where subject = 'gate/' || g.gate_id group by verb) as a)) as facts
     from gate g where g.gate_id = $1`, [gate, seat.scope.id])).rows[0]!.facts)

  /** Everything that is kept of a gate, against the oracle's log and against each other. */
  function agree(facts: Facts, oracle: Oracle): void {
    assert.deepEqual([facts.state, facts.review], [oracle.state(), oracle.review()])
    const stages = { approve: 'decision', reject: 'decision', emergency: 'emergency', confirm: 'review', overturn: 'review' } as const
    const decided = oracle.log.flatMap(({ kind, by, whose }) => (kind in stages
      ? [{ by, whose, stage: stages[kind as keyof typeof stages], verdict: kind === 'reject' || kind === 'overturn' ? 'reject' : 'approve' }] : []))
    assert.deepEqual(facts.decisions, decided, 'a decision was lost or made up')
    const said = (kind: string) => oracle.log.filter((entry) => entry.kind === kind).length
    assert.deepEqual([facts.messages['changes-asked'] ?? 0, facts.messages['answer'] ?? 0], [said('ask'), said('answer')])
    assert.equal(facts.switches, facts.state === 'approved' ? 1 : 0, 'an approval is one switch')
    assert.ok(facts.champions <= 1)
    assert.ok(facts.rolledBack <= (facts.review === 'rejected' ? 1 : 0))

    const entries = (kind: string) => facts.ledger.filter((entry) => entry.kind === kind)
    const told: [string, number][] = [
      ['gate.decided', said('approve') + said('reject')], ['gate.emergency-approved', said('emergency')], ['gate.reviewed', said('confirm') + said('overturn')],
      ['gate.changes-asked', said('ask')], ['gate.answered', said('answer')],
    ]
    for (const [kind, count] of told) {
      assert.equal(entries(kind).length, count, `ledger rows of ${kind}`)
      assert.equal(facts.events[kind] ?? 0, count, `events of ${kind}`)
    }
    assert.deepEqual([facts.audits['decide-gate'] ?? 0, facts.audits['approve-in-emergency'] ?? 0, facts.audits['review-gate'] ?? 0], [told[0]![1], told[1]![1], told[2]![1]])
    assert.ok(entries('gate.reviewer-added').length >= facts.reviewers && entries('gate.reviewer-added').length === (facts.audits['add-reviewer'] ?? 0))
    assert.equal(entries('assignment.switched').length, facts.switches)
    // Read from the first row to the last, the ledger tells where the gate stands.
    let state = 'none'
    let review: unknown = null
    for (const { kind, body } of facts.ledger) {
      if (kind === 'gate.opened') state = 'open'
      if (kind === 'gate.closed') {
        assert.equal(state, 'open', 'a gate is closed once')
        state = body['state'] as string
      }
      if (kind === 'gate.emergency-approved' || kind === 'gate.reviewed') review = body['review']
    }
    assert.deepEqual([state, review], [facts.state, facts.review], 'the ledger tells another story')
  }

  it('keep what was decided once, whole, and tell it in the ledger', { timeout: 600_000 }, async () => {
    const reached = new Set<string>()
    await fc.assert(fc.asyncProperty(rulesArbitrary, plays(24), async (rules, sequence) => {
      await reset()
      const world = newWorld()
      const oracle = createOracle(rules, world)
      const next: { crash: Crash } = { crash: 'none' }
      const ctx: ServiceContext = { ...plant.ctx, pool: crashing(plant.pool, next), nowUs: () => world.nowUs }
      const at = await openGate(ctx, rules)
      for (const { act, crash } of sequence) {
        await changeWorld(world, act)
        const expected = oracle.judge(act)
        const attempt = () => perform(ctx, world, at, act).then(() => 'accepted', (error: unknown) => {
          if (error instanceof DomainError) return 'refused'
          if ((error as Error).message === CRASH) return 'gone'
          throw error
        })
        next.crash = crash
        let outcome = await attempt()
        next.crash = 'none'
        if (outcome === 'gone') outcome = await attempt()
        assert.equal(outcome, expected === 'refused' ? 'refused' : 'accepted', `${JSON.stringify(act)} at ${world.nowUs}`)
        await tendGate(ctx, { site: plant.site, gate: at.gate })
        oracle.tick()
        agree(await factsOf(at), oracle)
      }
      const view = await getGate(ctx, { id: 'vera', roles: ['viewer'], sites: [plant.site] }, { site: plant.site, gate: at.gate })
      assert.equal(view.state, oracle.state())
      reached.add(`${view.state} ${oracle.review() ?? ''}`)
    }), { numRuns: runs })
    assert.ok(reached.size >= 3, `the sequences reached only ${[...reached].join(', ')}`)
  })

})
