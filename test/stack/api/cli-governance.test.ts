import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startTestApi, type TestApi } from '../../helpers/api.ts'
import { createTestCli, type TestCli } from '../../helpers/cli.ts'
import { startGovernanceApi, type GovernanceApi, type GovernancePerson } from '../../helpers/governance-api.ts'
import type { GovernanceSite } from '../../helpers/governance.ts'
import { createJudgingSite, S, series, T0, testPolicy, type JudgingSite } from '../../helpers/judging.ts'
import { freshPrefix, useStack } from '../../helpers/stack.ts'

/** A person's way through each group of commands, against the API as it is served. */
describe('the CLI at gates', () => {
  let desk: GovernanceApi<GovernancePerson>
  let plant: GovernanceSite
  let cli: TestCli
  before(async () => {
    desk = await startGovernanceApi()
    plant = desk.plant
    cli = createTestCli(desk.api.address, plant.site, desk.keys)
    await plant.govern({ 'promote-model': { requiredApprovals: 1, emergency: { roles: ['reliability-engineer'], reviewWithinSeconds: 3600 } } }, 'rita')
  })
  after(async () => {
    cli?.remove()
    await desk?.end()
  })

  async function opened(): Promise<{ id: string; digest: string; release: string }> {
    const { release } = await plant.release()
    const id = (await desk.call<{ gate: string }>('mia', 'POST', '/v1/gates', { release, reason: 'better' })).body.gate
    return { id, digest: await plant.whenOpen(id), release }
  }

  it('gates: a way from the question to the approval', async () => {
    const gate = await opened()
    assert.match(await cli.says('rita', 'gates'), new RegExp(`${gate.id}.*promote-model.*${gate.release}.*open`))
    const shown = await cli.says('rita', `gates show ${gate.id}`)
    assert.match(shown, new RegExp(`^${gate.release}: open, 0 of 1: reliability-engineer still wanted\\. better`))
    assert.match(shown, new RegExp(`Decide with: twinward gates approve ${gate.id} --evidence ${gate.digest}`))
    assert.match(shown, /You could decide in the name of: rita$/m)

    assert.match(await cli.says('ron', `gates ask-changes ${gate.id} --comment`, 'Why so few windows?'), /Noted/)
    assert.match(await cli.says('mia', `gates show ${gate.id}`), /ron asks for changes: Why so few windows\?[^]*Answer with: twinward gates answer/)
    const blocked = await cli.run('rita', `gates approve ${gate.id} --evidence ${gate.digest}`)
    assert.deepEqual([blocked.exitCode, blocked.out], [1, ''])
    assert.match(blocked.err, /ron asked for changes/)
    await cli.says('mia', `gates answer ${gate.id} --comment`, 'It is a new line.')
    await cli.says('otto', `gates comment ${gate.id} --comment`, 'I saw it run hot.')
    assert.match(await cli.says('rita', `gates add-reviewer ${gate.id} ron --required`), /ron is told, and must approve/)
    assert.match(await cli.says('rita', `gates approve ${gate.id} --evidence ${gate.digest} --comment seen`), /Gate open: 1 of 1 approval/)
    assert.deepEqual(await cli.json('ron', `gates approve ${gate.id} --evidence ${gate.digest}`), { state: 'approved', approvals: 2, required: 1, assignment: await assignmentOf(gate.id) })
    const after = await cli.says('vera', `gates show ${gate.id}`)
    for (const part of [/rita: approve {2}seen/, /ron: approve/, /otto says: I saw it run hot\./, /mia answers: It is a new line\./, /reviewer ron, whose approval is required/]) assert.match(after, part)
    assert.doesNotMatch(await cli.says('vera', 'gates'), new RegExp(gate.id), 'settled ones are left out')
    assert.match(await cli.says('vera', 'gates list --all'), new RegExp(gate.id))
  })
  const assignmentOf = async (gate: string) => (await plant.asOwner<{ id: string }>('select assignment_id as id from assignment where gate_id = $1', [gate]))[0]!.id

  it('gates: rejected, withdrawn, computed anew, and alone in an emergency', async () => {
    const one = await opened()
    assert.equal((await cli.run('ron', `gates reject ${one.id} --evidence ${one.digest}`)).exitCode, 2, 'a rejection says why')
    assert.match(await cli.says('ron', `gates reject ${one.id} --evidence ${one.digest} --comment`, 'Too few windows.'), /Gate rejected/)
    const two = await opened()
    const onwards = await cli.says('rita', `gates recompute ${two.id}`)
    const next = /twinward gates show (\S+)/.exec(onwards)?.[1] ?? ''
    await plant.whenOpen(next)
    assert.match(await cli.says('mia', `gates withdraw ${next} --reason`, 'second thoughts'), /Gate withdrawn/)

    const three = await opened()
    const former = await plant.champion()
    assert.match(await cli.says('rita', `gates emergency ${three.id} --evidence ${three.digest} --reason`, 'The pumps run dry.'), /in an emergency; its review is due by 20/)
    assert.match(await cli.says('vera', `in-force ${plant.family}`), /EMERGENCY: champion \S+ was let in by rita alone \(The pumps run dry\.\); review due by/)
    assert.match(await cli.says('ron', 'gates list --review'), new RegExp(three.id))
    assert.match(await cli.says('ron', `gates review reject ${three.id} --evidence ${three.digest} --comment`, 'It was none.'), new RegExp(`Review rejected: .*; rolled back to ${former}`))
    const refused = await cli.run('rita', `roll-back ${plant.family} --reason x`)
    assert.equal(refused.exitCode, 1)
    assert.match(refused.err, /its review rejected that/)
  })

  it('delegations: given, used, ended', async () => {
    const until = new Date(Date.now() + 3_600_000).toISOString()
    const given = await cli.says('rita', `delegations add otto --until ${until} --family ${plant.family} --reason`, 'on holiday')
    const id = /delegations revoke (\S+)/.exec(given)?.[1] ?? ''
    await cli.says('ron', `delegations add otto --until ${until} --reason`, 'at lunch')
    assert.match(await cli.says('otto', 'delegations list --mine'), new RegExp(`${id}.*rita.*otto.*${plant.family}.*running.*on holiday`))
    const gate = await opened()
    assert.match(await cli.says('otto', `gates show ${gate.id}`), /You could decide in the name of: rita, ron \(--for says whose\)/)
    const whose = await cli.run('otto', `gates approve ${gate.id} --evidence ${gate.digest}`)
    assert.equal(whose.exitCode, 1)
    assert.match(whose.err, /may decide for rita, ron: say for whom/)
    await cli.says('otto', `gates add-reviewer ${gate.id} vera --for rita`)
    assert.match(await cli.says('otto', `gates approve ${gate.id} --evidence ${gate.digest} --for rita`), /Gate approved/)
    assert.match(await cli.says('vera', `gates show ${gate.id}`), /otto for rita: approve/)
    assert.match(await cli.says('rita', `delegations revoke ${id}`), /Revoked at 20/)
    assert.doesNotMatch(await cli.says('otto', 'delegations'), new RegExp(id))
    assert.match(await cli.says('otto', 'delegations list --all'), new RegExp(`${id}.*revoked`))
  })

  it('governance: read, changed in a file, proposed, approved', async () => {
    const present = await cli.json<{ version: number; owner: string; governance: Record<string, Record<string, unknown>> }>('vera', `governance show ${plant.family}`)
    assert.equal(present.owner, 'rita')
    const changed = { ...present.governance, 'promote-model': { ...present.governance['promote-model'], requiredApprovals: 2 } }
    assert.equal((await cli.run('rita', `governance propose ${plant.family} --reason x`)).exitCode, 2, 'something must change')
    const nobodys = cli.file('nobodys.json', { ...changed, 'approve-policy': { roles: ['viewer'] } })
    const refused = await cli.run('rita', `governance propose ${plant.family} --reason x --file`, nobodys)
    assert.match(refused.err, /asks for viewer.*decides at no gate: name ml-engineer/)
    const proposed = await cli.says('rita', `governance propose ${plant.family} --open-gates void --reason`, 'we grew', '--file', cli.file('rules.json', changed))
    assert.match(proposed, /promote-model\.requiredApprovals: 1 → 2/)
    const gate = /twinward gates show (\S+)/.exec(proposed)?.[1] ?? ''
    const { evidenceDigest } = await cli.json<{ evidenceDigest: string }>('ron', `gates show ${gate}`)
    assert.match(await cli.says('ron', `gates approve ${gate} --evidence ${evidenceDigest}`), /Gate approved/)
    assert.match(await cli.says('vera', `governance list ${plant.family}`), new RegExp(`in-force.*rita.*${gate}.*we grew`))
  })
})

describe('the CLI on policies', () => {
  let plant: JudgingSite
  let api: TestApi
  let cli: TestCli
  before(async () => {
    const { connections } = await useStack()
    plant = await createJudgingSite()
    api = await startTestApi({ ...connections, database: { url: plant.database.url, migrationUrl: plant.database.migrationUrl }, s3: { ...connections.s3, bucketPrefix: freshPrefix() } })
    cli = createTestCli(api.address, plant.site, { rita: await api.keyFor(plant.site, ['reliability-engineer'], 'rita'), vera: await api.keyFor(plant.site, ['viewer'], 'vera') })
    await plant.assign(await plant.release())
    // A step to 6 and a plateau of 4: one alert as things are, two once 3.5 is enough.
    const vibration = (s: number): number => (s >= 100 && s < 160 ? 6 : s >= 240 && s < 280 ? 4 : 0.5) + Math.sin(s) / 100
    for (const s of [0, 100, 200]) {
      await plant.close(await plant.commit({ series: [series('pump-1/vibration', s, s + 100, vibration), series('pump-1/temperature', s, s + 100, () => 40)], completeThroughUs: T0 + (s + 100) * S }))
    }
  })
  after(async () => {
    cli?.remove()
    await api?.stop()
    await plant?.drop()
  })

  it('policy: tried from a file, sought for a load, asked for', async () => {
    const file = cli.file('policy.json', { ...testPolicy, version: 7, rules: [{ ...testPolicy.rules[0], raiseAt: 3.5, clearAt: 2 }] })
    assert.match(await cli.says('rita', `policy preview --family ${plant.family}`, file), /1 alerts before, 2 after; 1 as they were, 0 moved, 1 gained, 0 lost[^]*gained +pump-1 +wear/)
    const forbidden = await cli.run('vera', `policy preview --family ${plant.family}`, file)
    assert.deepEqual([forbidden.exitCode, /policy\.write/.test(forbidden.err)], [1, true])
    const broken = await cli.run('rita', `policy preview --family ${plant.family}`, cli.file('broken.json', '{'))
    assert.notEqual(broken.exitCode, 0)
    assert.match(broken.err, /broken\.json/)

    assert.equal((await cli.run('rita', `policy suggest --family ${plant.family}`)).exitCode, 2, 'for what')
    const told = await cli.says('rita', `policy suggest --family ${plant.family} --alerts-per-day 2 --dry-run`)
    assert.match(told, /wear raises at \S+ \(now 5\)[^]*Nothing was asked for/)
    const { chosen, proposal } = await cli.json<{ chosen: { alerts: number }; proposal: { gate: string; release: string } }>('rita', `policy suggest --family ${plant.family} --alerts-per-day 2`)
    assert.equal(chosen.alerts, 2)
    const gate = await cli.json<{ kind: string; subject: string }>('rita', `gates show ${proposal.gate}`)
    assert.deepEqual([gate.kind, gate.subject], ['approve-policy', proposal.release])

    // What it would have said, of the machine's time and of the alert that there was.
    const [version, alert] = [await plant.asOwner<{ v: number }>('select max(version) as v from policy'), await plant.asOwner<{ id: string }>('select alert_id as id from alert')]
    const time = `--from ${new Date(T0 / 1000 - 1000).toISOString()} --to ${new Date(T0 / 1000 + 300_000).toISOString()}`
    const said = await cli.says('rita', `replay --asset pump-1 ${time} --policy ${version[0]!.v}`)
    assert.match(said, /^59 windows of pump-1, .* judged then by pumps-r1, here by policy version \d+\nScores: none differs\nDecisions: \d+ differ, the first at .*\nAlerts: 1 then, 2 here; .* 1 gained, 0 lost\n {2}\+ wear at /)
    const ofAlert = await cli.json<{ windows: number; alerts: { before: number } }>('rita', `replay --alert ${alert[0]!.id} --policy ${version[0]!.v}`)
    assert.equal(ofAlert.alerts.before, 1)
    const unknown = await cli.run('rita', `replay --asset pump-1 ${time} --policy 99`)
    assert.deepEqual([unknown.exitCode, /has no policy version 99/.test(unknown.err)], [1, true])
    assert.equal((await cli.run('vera', `replay --alert ${alert[0]!.id} --policy 1`)).exitCode, 1)
  })
})
