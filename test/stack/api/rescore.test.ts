import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { OperationView } from '../../../registry/services/read/operations.ts'
import { createTestCli, type TestCli } from '../../helpers/cli.ts'
import { startGovernanceApi, type GovernanceApi, type GovernancePerson } from '../../helpers/governance-api.ts'
import { until, type GovernanceSite } from '../../helpers/governance.ts'
import { T0 } from '../../helpers/training.ts'

const from = new Date(T0 / 1000 - 60_000).toISOString()

describe('rescores by API and command line', () => {
  let plant: GovernanceSite
  let desk: GovernanceApi<GovernancePerson>
  let cli: TestCli
  before(async () => {
    desk = await startGovernanceApi()
    plant = desk.plant
    cli = createTestCli(desk.api.address, plant.site, desk.keys)
    for (const [release, hours] of [[(await plant.release()).release, 9000], [(await plant.release()).release, 1]] as const) {
      await plant.asOwner("update assignment set valid = tstzrange(lower(valid), now() - interval '1 hour') where upper_inf(valid)")
      await plant.asOwner(
        `insert into assignment (site_id, family_id, role, scope_kind, scope_id, release_ref, valid, reason, assigned_by)
         select site_id, family_id, 'champion', 'family', family_id, release_ref, tstzrange(now() - $2 * interval '1 hour', null), 'test', 'test' from release where release_id = $1`, [release, hours])
    }
  })
  after(async () => {
    cli?.remove()
    await desk?.end()
  })

  it('start, wait, and say what came of it', async () => {
    const said = await cli.says('rita', `rescore start --family ${plant.family} --from ${from} --watch --reason`, 'a wrong level')
    assert.match(said, /Rescore succeeded: 240 windows of 2 machines judged by pumps-r2; 240 revisions written/)
    const started = await cli.json<OperationView>('mia', `rescore start --asset pump-1 --release pumps-r1 --from ${from} --request-id once --reason`, 'the one before')
    assert.deepEqual([started.kind, started.pausable], ['rescore', true])
    const again = await cli.json<OperationView>('mia', `rescore start --asset pump-1 --release pumps-r1 --from ${from} --request-id once --reason`, 'the one before')
    assert.equal(again.id, started.id)
    await until('it ends', async () => (await cli.json<OperationView>('vera', `rescore status ${started.id}`)).endedAt)
    assert.match(await cli.says('vera', `rescore status ${started.id}`), /Rescore succeeded: 120 windows of 1 machines? judged by pumps-r1/)
    const late = await cli.run('rita', `rescore pause ${started.id}`)
    assert.equal(late.exitCode, 1)
    assert.match(late.err, /has ended: it succeeded/)
    assert.equal((await cli.run('otto', `rescore start --whole-site --from ${from} --reason x`)).exitCode, 1)
    assert.match((await cli.run('mia', `rescore start --family ${plant.family} --release pumps-r9 --from ${from} --reason x`)).err, /has no release pumps-r9/)
    const { body } = await desk.call<{ items: { rescore: string | null }[] }>('vera', 'GET', `/v1/scores?asset=pump-1&limit=500`)
    assert.equal(body.items.filter(({ rescore }) => rescore === started.id).length, 120)
  })

  it('paused before it runs, it waits; resumed or cancelled it goes on or ends', async () => {
    const key = (verb: string, operation: string) => cli.json<OperationView>('rita', `rescore ${verb} ${operation}`)
    await desk.stopWorker()
    const [one, two] = await Promise.all(['pump-1', 'pump-2'].map((pump) => cli.json<OperationView>('rita', `rescore start --asset ${pump} --from ${from} --reason x`)))
    const third = await cli.run('rita', `rescore start --family ${plant.family} --from ${from} --reason x`)
    assert.deepEqual([third.exitCode, /has some of these windows judged anew already/.test(third.err)], [1, true], third.err)
    for (const { id } of [one!, two!]) assert.equal((await key('pause', id)).paused?.by, 'rita')
    await key('cancel', two!.id)
    await desk.startWorker()
    await until('the cancelled one ends', async () => (await key('status', two!.id)).endedAt)
    assert.equal((await key('status', two!.id)).state, 'cancelled')
    assert.match(await cli.says('rita', `rescore status ${one!.id}`), /Rescore paused by rita/)
    assert.equal((await key('resume', one!.id)).paused, null)
    await until('the other ends', async () => (await key('status', one!.id)).state === 'succeeded')
  })

  it('a roll back asks for one in the same breath', async () => {
    const back = await cli.json<{ release: string; rescore: string }>('rita', `roll-back ${plant.family} --rescore --reason`, 'it cried wolf')
    assert.equal(back.release, 'pumps-r1')
    const ended = await until('it ends', async () => {
      const operation = await cli.json<OperationView>('vera', `rescore status ${back.rescore}`)
      return operation.endedAt !== null && operation
    })
    // These windows are of another spring: none ended while the release that went was in force.
    assert.deepEqual(ended.result, { windows: 0, written: 0, assets: 2, releases: ['pumps-r1'] })
    const [row] = await plant.asOwner<{ reason: string }>('select reason from rescore where operation_id = $1', [back.rescore])
    assert.equal(row?.reason, 'it cried wolf')
  })
})
