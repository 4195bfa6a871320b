import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { requestPromotion } from '../../../registry/services/gates/request-promotion.ts'
import { createGovernanceSite, until, type GovernanceSite } from '../../helpers/governance.ts'
import { createPrograms, type Programs } from '../../helpers/programs.ts'
import { useStack } from '../../helpers/stack.ts'

describe('kill -9 while a gate waits', () => {
  let plant: GovernanceSite
  let programs: Programs | undefined
  const start = (program: string) => (programs as Programs).start(program)
  const kill = (child: ChildProcess) => (programs as Programs).kill(child)
  before(async () => {
    plant = await createGovernanceSite(await useStack())
    programs = createPrograms(plant.connections)
  })
  after(async () => {
    await programs?.killAll()
    await plant?.end()
  })

  it('nothing is lost: the next worker and keeper go on, and one decision is one switch', async () => {
    let worker = await start('worker.ts')
    let keeper = await start('keeper.ts')
    const { release } = await plant.release()
    const { gate } = await requestPromotion(plant.ctx, plant.people.mia, { site: plant.site, release, role: 'champion', reason: 'better' })
    const digest = await plant.whenOpen(gate)
    await Promise.all([kill(worker), kill(keeper)])

    const decision = plant.decide(gate, 'rita', 'approve', digest)
    // Waiting for a worker may take longer than a caller at a screen waits; then the same click is made again.
    const first = decision.catch((error: unknown) => error)
    worker = await start('worker.ts')
    keeper = await start('keeper.ts')
    await first
    await until('the decision counts', async () => await plant.champion() === release
      || (await plant.decide(gate, 'rita', 'approve', digest).catch(() => undefined))?.state === 'approved')
    assert.deepEqual(await plant.client.workflow.getHandle(`gate/${gate}`).result().then((r) => (r as { state: string }).state), 'approved')
    const [counts] = await plant.asOwner<{ decisions: string; switches: string; ledger: string }>(
      `select (select count(*) from gate_decision) as decisions, (select count(*) from assignment) as switches,
              (select count(*) from ledger_entry where kind = 'assignment.switched') as ledger`)
    assert.deepEqual(counts, { decisions: '1', switches: '1', ledger: '1' })
    await until('the ledger is sealed', async () => (await plant.asOwner<{ n: string }>(
      'select count(*) as n from ledger_entry e where not exists (select from ledger_seal s where s.entry_id = e.entry_id)'))[0]!.n === '0')

    // Told to stop, they stop in order.
    const exits = Promise.all([worker, keeper].map((child) => once(child, 'exit')))
    for (const child of [worker, keeper]) child.kill('SIGTERM')
    assert.deepEqual((await exits).map(([code]) => code as number), [0, 0])
  })
})
