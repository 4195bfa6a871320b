import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { z } from 'zod'
import type { Keeper } from '../../../infra/keeper.ts'
import type { WorkerProcess } from '../../../infra/worker.ts'
import { platformActor } from '../../../registry/domain/access/rights.ts'
import { DomainError } from '../../../registry/domain/errors.ts'
import type { approvalRulesSchema } from '../../../registry/domain/governance/family.ts'
import { changeActor } from '../../../registry/services/change-actor.ts'
import { decideGate } from '../../../registry/services/gates/decide-gate.ts'
import { requestPromotion } from '../../../registry/services/gates/request-promotion.ts'
import { rollBack } from '../../../registry/services/gates/roll-back.ts'
import { sealLedger } from '../../../registry/services/seal-ledger.ts'
import { tendGate } from '../../../registry/services/gates/tend-gate.ts'
import { verifyLedger } from '../../../registry/services/verify-ledger.ts'
import { withdrawGate } from '../../../registry/services/gates/withdraw-gate.ts'
import { createPool } from '../../../registry/store/pool.ts'
import { inSite } from '../../../registry/store/transaction.ts'
import { createGovernanceSite, newKey, until, type GovernanceSite } from '../../helpers/governance.ts'
import { useStack } from '../../helpers/stack.ts'

const code = (wanted: string) => (error: unknown) => {
  assert.ok(error instanceof DomainError, String(error))
  assert.equal(error.code, wanted, error.message)
  return true
}

interface Side { release: string; backTest: { windows: number; confidence: { median: number } } }
interface Evidence { commitNumber: number; candidate: Side; champion: Side; coverage: { assetsWithData: number } }

describe('gates', () => {
  let plant: GovernanceSite
  let worker: WorkerProcess
  let keeper: Keeper
  before(async () => {
    plant = await createGovernanceSite(await useStack())
    worker = await plant.startWorker()
    keeper = await plant.startKeeper()
    await govern({ requiredApprovals: 2, roles: ['reliability-engineer', 'operator'] })
  })
  after(async () => {
    await keeper?.stop()
    await worker?.stop()
    await plant?.end()
  })

  const govern = (rules: z.input<typeof approvalRulesSchema>) => plant.govern({
    'promote-model': { expiresAfterSeconds: 3600, remindEverySeconds: null, ...rules },
    'approve-policy': { ownerMustApprove: true, expiresAfterSeconds: 3600, remindEverySeconds: null },
  }, 'rita')
  const request = (release: string) => requestPromotion(plant.ctx, plant.people.mia, { site: plant.site, release, role: 'champion', reason: 'better' })

  /** The transaction itself, past the workflow, which has ended with its gate. */
  const decideNow = (gate: string, evidenceDigest: string) =>
    decideGate(plant.ctx, { site: plant.site, gate, actor: 'rita', verdict: 'approve', evidenceDigest, comment: '' })

  it('puts a release in force once enough others approved the very evidence', async () => {
    const { release } = await plant.release()
    const { gate, kind, replaces } = await request(release)
    assert.deepEqual({ kind, replaces }, { kind: 'promote-model', replaces: null })
    const digest = await plant.whenOpen(gate)
    assert.match(digest, /^[0-9a-f]{64}$/)

    await assert.rejects(plant.decide(gate, 'mia', 'approve', digest), code('separation_of_duties'))
    await assert.rejects(plant.decide(gate, 'vera', 'approve', digest), code('forbidden'))
    await assert.rejects(plant.decide(gate, 'nobody', 'approve', digest), code('forbidden'))
    await assert.rejects(plant.decide(gate, 'rita', 'approve', 'f'.repeat(64)), code('evidence_changed'))
    await assert.rejects(plant.decide(gate, 'rita', 'approve', 'not a digest'), code('invalid'))
    await assert.rejects(request(release), code('conflict'))

    const first = await plant.decide(gate, 'rita', 'approve', digest)
    assert.deepEqual(first, { state: 'open', approvals: 1, required: 2, assignment: null })
    assert.deepEqual(await plant.decide(gate, 'rita', 'approve', digest), first, 'a repeated click changes nothing')
    assert.equal(await plant.champion(), null)

    const [one, two] = await Promise.all([plant.decide(gate, 'ron', 'approve', digest), plant.decide(gate, 'ron', 'approve', digest)])
    assert.equal(one.state, 'approved')
    assert.notEqual(one.assignment, null)
    assert.deepEqual(two, one, 'two clicks at once are one decision')
    assert.equal(await plant.champion(), release)

    const handle = plant.client.workflow.getHandle(`gate/${gate}`)
    assert.deepEqual(await handle.result(), { state: 'approved', assignment: one.assignment })
    const decisions = await plant.asOwner<{ actor_id: string }>('select actor_id from gate_decision where gate_id = $1', [gate])
    assert.deepEqual(decisions.map((d) => d.actor_id).sort(), ['rita', 'ron'])
    await assert.rejects(request(release), code('conflict'))
  })

  it('shows candidate and champion on the same windows, as known at one commit number', async () => {
    const { release } = await plant.release()
    const { gate, replaces } = await request(release)
    await plant.whenOpen(gate)
    const [row] = await plant.asOwner<{ evidence: Evidence; evidence_commit: string }>('select evidence, evidence_commit from gate where gate_id = $1', [gate])
    const { evidence, evidence_commit } = row!
    assert.equal(evidence.commitNumber, Number(evidence_commit))
    assert.equal(evidence.candidate.release, release)
    assert.equal(evidence.champion.release, replaces)
    assert.equal(evidence.candidate.backTest.windows, 240)
    assert.equal(evidence.champion.backTest.windows, 240)
    assert.equal(evidence.coverage.assetsWithData, 2)
    assert.ok(evidence.candidate.backTest.confidence.median > 0)
    await withdrawGate(plant.ctx, plant.people.mia, { site: plant.site, gate, reason: 'only looking' })
    assert.deepEqual(await plant.client.workflow.getHandle(`gate/${gate}`).result(), { state: 'withdrawn', assignment: null })
  })

  it('ends at one rejection, and stays ended', async () => {
    const champion = await plant.champion()
    const { gate } = await request((await plant.release()).release)
    const digest = await plant.whenOpen(gate)
    await plant.decide(gate, 'rita', 'approve', digest)
    assert.equal((await plant.decide(gate, 'otto', 'reject', digest).catch((error: unknown) => error as Error) as Error).message.includes('otto'), true)
    assert.equal((await plant.decide(gate, 'ron', 'reject', digest)).state, 'rejected')
    assert.equal(await plant.champion(), champion)
    await plant.client.workflow.getHandle(`gate/${gate}`).result()
    await assert.rejects(decideNow(gate, digest), code('gate_closed'))
  })

  it('asks for the roles of this moment', async () => {
    const { gate } = await request((await plant.release()).release)
    const digest = await plant.whenOpen(gate)
    await changeActor(plant.ctx, platformActor('test'), { site: plant.site, id: 'ron', roles: ['viewer'] })
    await assert.rejects(plant.decide(gate, 'ron', 'approve', digest), code('forbidden'))
    await changeActor(plant.ctx, platformActor('test'), { site: plant.site, id: 'ron', roles: ['reliability-engineer'] })
    assert.equal((await plant.decide(gate, 'ron', 'approve', digest)).approvals, 1)
    await withdrawGate(plant.ctx, plant.people.mia, { site: plant.site, gate, reason: 'enough seen' })
  })

  it('expires by the wall clock', async () => {
    await govern({ expiresAfterSeconds: 2 })
    const { gate } = await request((await plant.release()).release)
    // On a slow machine it is over before it has its evidence.
    const ended = plant.client.workflow.getHandle(`gate/${gate}`)
    const result = await until('its workflow ends', () => (ended.result() as Promise<{ state: string }>).catch(() => null))
    assert.equal(result.state, 'expired')
    await assert.rejects(decideNow(gate, (await plant.gate(gate)).evidence_digest ?? 'f'.repeat(64)), code('expired'))
    await govern({})
  })

  it('reminds its approvers while it waits, each time once, and no more when it is decided', async () => {
    await govern({ requiredApprovals: 2, remindEverySeconds: 1 })
    const { gate } = await request((await plant.release()).release)
    const digest = await plant.whenOpen(gate)
    await plant.decide(gate, 'rita', 'approve', digest)
    const reminders = () => plant.asOwner<{ id: string; data: { reminder: number; approvedBy: string[]; required: number; evidenceDigest: string } }>(
      "select payload->>'id' as id, payload->'data' as data from outbox where kind = 'gate.reminder' and channel = 'bus' and payload->'data'->>'gate' = $1 order by outbox_id", [gate])
    const after = (await reminders()).length
    await until('two more reminders', async () => (await reminders()).length >= after + 2)
    assert.equal((await plant.decide(gate, 'ron', 'reject', digest)).state, 'rejected')
    await plant.client.workflow.getHandle(`gate/${gate}`).result()
    const sent = await reminders()
    assert.deepEqual(sent.map(({ id, data }) => id === `gate/${gate}/reminder/${data.reminder}`), sent.map(() => true))
    assert.equal(new Set(sent.map(({ id }) => id)).size, sent.length)
    const last = sent.at(-1)!.data
    assert.deepEqual([last.approvedBy, last.required, last.evidenceDigest], [['rita'], 2, digest])

    await tendGate({ pool: plant.pool, nowUs: () => plant.ctx.nowUs() + 60_000_000 }, { site: plant.site, gate })
    assert.equal((await reminders()).length, sent.length, 'a gate that is decided reminds nobody')
    await govern({})
  })

  it('a change of policy alone is a policy gate, which the owner must approve', async () => {
    const current = (await plant.champion())!
    const [{ model }] = await plant.asOwner<{ model: number }>(
      'select m.version as model from release r join model_version m using (model_version_ref) where r.release_id = $1', [current]) as [{ model: number }]
    const { gate, kind } = await request((await plant.release({ model })).release)
    assert.equal(kind, 'approve-policy')
    const digest = await plant.whenOpen(gate)
    assert.equal((await plant.decide(gate, 'ron', 'approve', digest)).state, 'open', 'the owner is still missing')
    assert.equal((await plant.decide(gate, 'rita', 'approve', digest)).state, 'approved')
  })

  it('voids gates whose champion was replaced meanwhile', async () => {
    const [a, b] = [await request((await plant.release()).release), await request((await plant.release()).release)]
    const [digestA, digestB] = [await plant.whenOpen(a.gate), await plant.whenOpen(b.gate)]
    assert.equal((await plant.decide(a.gate, 'rita', 'approve', digestA)).state, 'approved')
    assert.deepEqual(await plant.client.workflow.getHandle(`gate/${b.gate}`).result(), { state: 'voided', assignment: null })
    await assert.rejects(decideNow(b.gate, digestB), code('gate_closed'))
    assert.equal(await plant.champion(), (await plant.asOwner<{ r: string }>('select release_id as r from gate join release using (release_ref) where gate_id = $1', [a.gate]))[0]!.r)
  })

  it('waits on while its worker is away', async () => {
    const { gate } = await request((await plant.release()).release)
    const digest = await plant.whenOpen(gate)
    await worker.stop()
    const decision = plant.decide(gate, 'rita', 'approve', digest)
    worker = await plant.startWorker()
    assert.equal((await decision).state, 'approved')
  })

  it('rolls back once per request, and rolls a roll back back', async () => {
    const newer = await plant.champion()
    const input = { site: plant.site, family: plant.family, reason: 'false alarms', requestId: newKey() }
    const first = await rollBack(plant.ctx, plant.people.rita, input)
    assert.equal(first.replaced, newer)
    assert.notEqual(await plant.champion(), newer)
    const again = await Promise.all([1, 2, 3].map(() => rollBack(plant.ctx, plant.people.rita, input)))
    for (const repeated of again) assert.deepEqual({ assignment: repeated.assignment, repeated: repeated.repeated }, { assignment: first.assignment, repeated: true })
    const back = await rollBack(plant.ctx, plant.people.rita, { ...input, requestId: newKey() })
    assert.equal(back.release, newer)
    assert.equal(await plant.champion(), newer)
    await assert.rejects(rollBack(plant.ctx, plant.people.vera, { ...input, requestId: newKey() }), code('forbidden'))
    await assert.rejects(rollBack(plant.ctx, plant.people.rita, { ...input, family: 'pumpz', requestId: newKey() }),
      { code: 'not_found', message: new RegExp(`has no asset family pumpz; it has ${plant.family}`) })
    await assert.rejects(rollBack(plant.ctx, plant.people.rita, { ...input, to: 'pumps-r999', requestId: newKey() }), code('conflict'))
  })

  it('shows fifty readers one champion each, whatever is switched meanwhile', async () => {
    const pool = createPool(plant.connections.database.url, { max: 50 })
    let switching = true
    let reads = 0
    const counts = new Set<number>()
    const readers = Array.from({ length: 50 }, async () => {
      while (switching) {
        counts.add(await inSite(pool, plant.site, async (tx) => Number((await tx.query<{ n: string }>(
          "select count(*) as n from assignment where role = 'champion' and valid @> clock_timestamp()")).rows[0]!.n)))
        reads++
      }
    })
    try {
      for (let i = 0; i < 40; i++) {
        await rollBack(plant.ctx, plant.people.rita, { site: plant.site, family: plant.family, reason: 'to and fro', requestId: newKey() })
      }
    } finally {
      switching = false
      await Promise.all(readers)
      await pool.end()
    }
    assert.ok(reads >= 50)
    assert.deepEqual([...counts], [1])
  })

  it('keeps all of it in a ledger that nobody may change and that shows when somebody did', async () => {
    await keeper.stop()
    while (await sealLedger({ ...plant.ctx, signer: null, onRefused(_site, refusal) { throw refusal } }) > 0);
    const whole = await verifyLedger(plant.ctx, plant.people.vera, { site: plant.site })
    assert.equal(whole.ok, true, whole.problem ?? '')
    assert.ok(whole.checked > 50)
    assert.equal(whole.pending, 0)

    for (const sql of ["update ledger_entry set actor_id = 'x'", 'delete from ledger_entry', 'truncate ledger_entry cascade', 'delete from ledger_seal', 'truncate ledger_seal',
      "update ledger_seal set hash = 'x'", 'delete from audit_entry', 'delete from gate_decision', "update policy set digest = 'x'"]) {
      await assert.rejects(plant.pool.query(sql), /permission denied/, sql)
    }
    const tamper = async (sql: string, undo: string, what: string) => {
      await plant.asOwner(`alter table ledger_entry disable trigger user; alter table ledger_seal disable trigger user; ${sql}`)
      const found = await verifyLedger(plant.ctx, plant.people.vera, { site: plant.site })
      assert.equal(found.ok, false, what)
      assert.equal(found.place?.what, what)
      await plant.asOwner(undo)
      return found
    }
    const third = '(select entry_id from ledger_seal where sequence = 3 and site_id <> \'_fleet\')'
    const changed = await tamper(
      `update ledger_entry set actor_id = actor_id || 'x' where entry_id = ${third}`, `update ledger_entry set actor_id = left(actor_id, -1) where entry_id = ${third}`, 'changed')
    assert.equal(changed.place?.sequence, 3)
    const cut = `create table kept as select * from ledger_seal where sequence = (select max(sequence) from ledger_seal); delete from ledger_seal where entry_id in (select entry_id from kept)`
    const end = await tamper(cut, 'insert into ledger_seal select * from kept', 'removed')
    assert.equal(end.place?.sequence, whole.checked)
    assert.equal((await verifyLedger(plant.ctx, plant.people.vera, { site: plant.site })).ok, true)
    keeper = await plant.startKeeper()
  })

  it('lets every event and every workflow call out of the outbox', async () => {
    await until('all messages go out', async () => (await plant.asOwner<{ n: string }>(
      "select count(*) as n from outbox where dispatched_at is null and dead_at is null"))[0]!.n === '0')
    const [dead] = await plant.asOwner<{ n: string; e: string | null }>('select count(*) as n, max(last_error) as e from outbox where dead_at is not null')
    assert.equal(dead!.n, '0', dead!.e ?? '')
  })
})
