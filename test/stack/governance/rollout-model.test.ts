import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import pg from 'pg'
import { DomainError } from '../../../registry/domain/errors.ts'
import { rolloutRequestSchema, type RolloutRequest, type RolloutStage } from '../../../registry/domain/rollout/plan.ts'
import type { RolloutState } from '../../../registry/domain/rollout/rollout.ts'
import type { ServiceContext } from '../../../registry/services/context.ts'
import { decideGate } from '../../../registry/services/gates/decide-gate.ts'
import { openGateWith } from '../../../registry/services/gates/open-gate.ts'
import { requestPromotion } from '../../../registry/services/gates/request-promotion.ts'
import { rollBack } from '../../../registry/services/gates/roll-back.ts'
import { assetInForce } from '../../../registry/services/read/in-force.ts'
import { advanceRollout, stopRollout } from '../../../registry/services/rollouts/steer-rollout.ts'
import { tendRollout } from '../../../registry/services/rollouts/tend-rollout.ts'
import { verifyLedger } from '../../../registry/services/verify-ledger.ts'
import { sealLedger } from '../../../registry/services/seal-ledger.ts'
import { createGovernanceSite, type GovernanceSite } from '../../helpers/governance.ts'
import { interruptedPool } from '../../helpers/interrupted-pool.ts'
import { useStack } from '../../helpers/stack.ts'

const S = 1_000_000
const PUMPS = ['pump-1', 'pump-2']
const KILLED = 'killed'

type Act =
  | { kind: 'ask'; rollout: RolloutRequest | null; approve: boolean }
  | { kind: 'approve' } | { kind: 'look' } | { kind: 'slow' } | { kind: 'stop'; again: boolean } | { kind: 'back' }
  | { kind: 'advance'; from: RolloutStage }
/** What is done, how much later, and after which of its statements it dies; null: it does not. */
type Step = readonly [Act, number, number | null]

const stage = { dwellSeconds: 10, minWindows: 0 }
const guards = { alertLoad: null, disagreement: null, scoreShift: null, dataQuality: null, feedback: null }
const plans = fc.record({
  shadow: fc.constantFrom(null, stage), canary: fc.constantFrom(null, { ...stage, slice: { assets: ['pump-2'] } }), champion: fc.constantFrom(null, { dwellSeconds: 10 }),
  advance: fc.constantFrom('automatic' as const, 'manual' as const),
}).filter(({ shadow, canary, champion }) => shadow !== null || canary !== null || champion !== null).map((plan) => rolloutRequestSchema.parse({ ...plan, guards }))
const acts: fc.Arbitrary<Act> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('ask' as const), rollout: fc.option(plans, { nil: null, freq: 6 }), approve: fc.boolean() }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'approve' as const }) },
  { weight: 8, arbitrary: fc.constant({ kind: 'look' as const }) },
  fc.constant({ kind: 'slow' as const }),
  fc.record({ kind: fc.constant('stop' as const), again: fc.boolean() }),
  fc.constant({ kind: 'back' as const }),
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('advance' as const), from: fc.constantFrom<RolloutStage>('shadow', 'canary', 'champion') }) },
)
const steps = fc.array(fc.tuple(acts, fc.integer({ min: 0, max: 15 * S }), fc.option(fc.integer({ min: 1, max: 30 }), { nil: null, freq: 3 })), { minLength: 25, maxLength: 40 })

/** Every way in which a rollout ends, whatever chance brings beside it. */
const each: Step[] = (['look', 'stop', 'slow', 'ask'] as const).flatMap((end, i): Step[] => [
  [{ kind: 'ask', rollout: rolloutRequestSchema.parse({ canary: { ...stage, slice: { assets: ['pump-2'] } }, champion: { dwellSeconds: 10, minWindows: 0 }, guards }), approve: true }, 1_000 * (i + 1), null],
  [{ kind: 'look' }, 11 * S, null],
  [end === 'ask' ? { kind: 'ask', rollout: null, approve: true } : end === 'stop' ? { kind: 'stop', again: false } : { kind: end }, 11 * S, null],
])

/**
 * Random sequences of what people, clock and guards do, on a real database, any of them dying anywhere. What must hold is asked of
 * tables, of in-force and of the ledger, each by itself.
 */
describe('rollouts and gates, whatever happens', () => {
  let plant: GovernanceSite
  let owner: pg.Client
  let releases: string[]
  /** In the past, so that what was put in force is in force now. */
  let nowUs = Date.now() * 1000 - 30 * 86_400 * S
  const ctx = (): ServiceContext => ({ ...plant.ctx, nowUs: () => (nowUs += 1_000) })
  before(async () => {
    plant = await createGovernanceSite(await useStack())
    await plant.govern({ 'promote-model': { requiredApprovals: 1, expiresAfterSeconds: 86_400 * 60 }, 'approve-policy': { requiredApprovals: 1, expiresAfterSeconds: 86_400 * 60 } })
    owner = new pg.Client({ connectionString: plant.database.adminUrl })
    await owner.connect()
    releases = []
    for (let i = 0; i < 4; i++) releases.push((await plant.release()).release)
  })
  after(async () => {
    await owner?.end()
    await plant?.end()
  })
  /** One connection for thousands of looks. */
  const asOwner = async <Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> => (await owner.query<Row>(sql, values)).rows

  const newestRollout = async () => (await asOwner<{ rollout_id: string }>('select rollout_id from rollout order by started_at desc limit 1'))[0]?.rollout_id
  const approve = async (at: ServiceContext, gate: string) => {
    const { evidenceDigest } = await openGateWith(at, { site: plant.site, gate }, { body: {}, commitNumber: 1 })
    if (evidenceDigest !== null) await decideGate(at, { site: plant.site, gate, actor: 'rita', verdict: 'approve', evidenceDigest })
  }
  let slowBatches = 0
  let stops = 0
  let asked = 0

  async function act(at: ServiceContext, step: Act): Promise<void> {
    const { site, family, people: { mia } } = plant
    const rollout = await newestRollout()
    switch (step.kind) {
      case 'ask': {
        const champion = (await asOwner<{ release: string }>("select r.release_id as release from assignment a join release r using (release_ref) where upper_inf(a.valid) and a.role = 'champion' and a.scope_kind = 'family'"))[0]?.release
        const others = releases.filter((release) => release !== champion)
        const release = others[asked++ % others.length]!
        const { gate } = await requestPromotion(at, mia, { site, release, role: 'champion', reason: 'better', ...(step.rollout && { rollout: step.rollout }) })
        if (step.approve) await approve(at, gate)
        return
      }
      case 'approve': {
        const [open] = await asOwner<{ gate_id: string }>("select gate_id from gate where state in ('collecting', 'open') order by requested_at limit 1")
        if (open) await approve(at, open.gate_id)
        return
      }
      case 'slow':
        // A batch that took long: the guard of latency trips.
        await asOwner(
          `insert into raw_batch (site_id, gateway_id, epoch, sequence, kind, mode, lane, digest, bytes, object_key, mapping_digest, row_count, trace_id, created_at, received_at, state, commit_number, committed_at, windows_closed_at, outcome)
           values ($1, 'gw-slow', '00000000000000bb', $2::int, 'readings', 'live', 'live', repeat('0', 64), 1, 'x' || $2::text, repeat('0', 64), 0, repeat('0', 32), now(), to_timestamp($3::float8), 'committed', 1000000 + $2::int, now(), to_timestamp($3::float8 + 300), '{"accepted":0,"repeated":0,"revised":0,"quarantined":0}')`,
          [site, ++slowBatches, nowUs / S])
        if (rollout) await tendRollout(at, { site, rollout })
        return
      case 'look':
        if (rollout) await tendRollout(at, { site, rollout })
        return
      case 'stop':
        if (rollout) await stopRollout(at, mia, { site, rollout, reason: 'enough', requestId: step.again ? `stop-${stops}` : `stop-${++stops}` })
        return
      case 'back':
        await rollBack(at, mia, { site, family, reason: 'back', requestId: randomUUID() })
        return
      case 'advance':
        if (rollout) await advanceRollout(at, mia, { site, rollout, from: step.from, reason: 'on' })
    }
  }

  /** Everything that a half-done step would show in. */
  const picture = () => asOwner<{ text: string }>(
    `select (select coalesce(jsonb_agg(a order by assignment_id), '[]')::text from assignment a) || (select coalesce(jsonb_agg(o order by rollout_id), '[]')::text from rollout o)
         || (select count(*)::text from ledger_entry) || (select count(*)::text from audit_entry) || (select count(*)::text from outbox) || (select coalesce(jsonb_agg(g.state order by gate_id), '[]')::text from gate g) as text`).then(([row]) => row!.text)

  interface Body { rollout?: string; stage?: RolloutStage; state?: RolloutState; assignment?: string; role?: string; scope?: string | { kind: string; id: string }; assignments?: { assignment: string; role: string; scope: string; release: string; now: string }[] }

  async function holds(): Promise<void> {
    const open = await asOwner<{ id: string; role: string; scope: string; release: string; gate_id: string | null }>(
      "select a.assignment_id as id, a.role, a.scope_kind || ':' || a.scope_id as scope, r.release_id as release, a.gate_id from assignment a join release r using (release_ref) where upper_inf(a.valid)")
    const rollouts = await asOwner<{ rollout_id: string; state: RolloutState; stage: RolloutStage; release: string; plan: { canary: { assets: string[] } | null } }>(
      'select o.rollout_id, o.state, o.stage, r.release_id as release, o.plan from rollout o join release r using (release_ref)')
    const running = rollouts.filter(({ state }) => state === 'running')
    assert.ok(running.length <= 1, 'one at a time')
    // Never two champions, and after the first never none; in a canary its slice, and only there.
    const champions = open.filter(({ role, scope }) => role === 'champion' && scope.startsWith('family:'))
    const ever = (await asOwner("select from assignment where role = 'champion' and scope_kind = 'family'")).length > 0
    assert.equal(champions.length, ever ? 1 : 0)
    const canary = running.find((rollout) => rollout.stage === 'canary')
    for (const asset of PUMPS) {
      const judges = (await assetInForce(ctx(), plant.people.vera, { site: plant.site, asset })).filter(({ role }) => role === 'champion')
      const wanted = canary?.plan.canary?.assets.includes(asset) ? canary.release : champions[0]?.release
      assert.deepEqual(judges.map(({ release }) => release.id), wanted === undefined ? [] : [wanted])
      // No promotion without its approvals: whoever judges was let in by a gate that was approved.
      for (const { approval } of judges) {
        assert.ok(approval)
        const [gate] = await asOwner<{ state: string }>('select state from gate where gate_id = $1', [approval.gate])
        assert.equal(gate?.state, 'approved')
        assert.deepEqual(approval.approvers.map(({ actor }) => actor), ['rita'])
      }
    }
    // Nothing of a rollout is left when it has ended but what it completed.
    for (const { gate_id, role, scope } of open) if (role !== 'champion' || scope.startsWith('slice:')) assert.equal(gate_id, running[0]?.rollout_id)
    // The ledger tells the same story: read from its beginning it gives what the tables hold.
    const told = { states: new Map<string, string>(), seats: new Map<string, string>() }
    for (const { kind, body } of (await asOwner<{ kind: string; body: string }>("select kind, body from ledger_entry where kind like 'assignment.%' or kind like 'rollout.%' order by entry_id"))
      .map((row) => ({ kind: row.kind, body: JSON.parse(row.body) as Body }))) {
      if (kind.startsWith('assignment.')) told.seats.set(`champion ${typeof body.scope === 'object' ? `${body.scope.kind}:${body.scope.id}` : ''}`, body.assignment!)
      else {
        const before = told.states.get(body.rollout!)
        assert.ok(kind === 'rollout.started' ? before === undefined : before?.endsWith('running'), `${kind} after ${before}`)
        told.states.set(body.rollout!, `${body.stage} ${body.state ?? 'running'}`)
      }
      for (const { assignment, role, scope, now } of body.assignments ?? []) {
        if (now === 'in force') told.seats.set(`${role} ${scope}`, assignment)
        else if (told.seats.get(`${role} ${scope}`) === assignment) told.seats.delete(`${role} ${scope}`)
      }
    }
    assert.deepEqual([...told.states].sort(), rollouts.map(({ rollout_id, stage: at, state }) => [rollout_id, `${at} ${state}`]).sort())
    assert.deepEqual([...told.seats.values()].sort(), open.map(({ id }) => id).sort())
  }

  it('no promotion without its approvals, no double effect, nothing half done, and the ledger says what is so', async () => {
    const seen = { died: 0, refused: 0, done: 0 }
    const ends = new Set<string>()
    await fc.assert(fc.asyncProperty(steps, async (sequence: Step[]) => {
      for (const [what, waits, dies] of sequence) {
        nowUs += waits
        const before = await picture()
        let n = 0
        let last = ''
        const nth = { test: (text: string) => (last = text, ++n === dies) } as unknown as RegExp
        const pool = dies === null ? plant.pool : interruptedPool(plant.pool, nth, () => Promise.reject(new Error(KILLED)))
        let halfway = false
        try {
          await act({ ...ctx(), pool }, what)
          seen.done++
        } catch (error) {
          if (error instanceof DomainError) seen.refused++
          else if ((error as Error).message === KILLED) seen.died++
          else throw error
          // What is several transactions may have done its first ones; one that is killed before it commits has done nothing.
          halfway = (error as Error).message === KILLED && what.kind !== 'ask' && what.kind !== 'approve' && !/^commit/i.test(last)
        }
        if (halfway) assert.equal(await picture(), before, `${what.kind}, killed after ${last}, left something`)
        await holds()
      }
      for (const { state } of await asOwner<{ state: string }>('select distinct state from rollout')) ends.add(state)
    }), { numRuns: 10, endOnFailure: true, examples: [[each]] })
    assert.ok(seen.died > 10 && seen.refused > 10 && seen.done > 100, JSON.stringify(seen))
    for (const state of ['completed', 'stopped', 'rolled-back', 'superseded']) assert.ok(ends.has(state), `no rollout was ever ${state}`)
    await sealLedger({ ...plant.ctx, signer: null, onRefused: (site, refused) => assert.fail(`${site}: ${refused.message}`) })
    assert.equal((await verifyLedger(plant.ctx, plant.people.vera, { site: plant.site })).ok, true)
  })
})
