import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { startTestApi, type TestApi } from '../../helpers/api.ts'
import { createTestCli, type TestCli } from '../../helpers/cli.ts'
import { createJudgingSite, type JudgingSite } from '../../helpers/judging.ts'
import { useStack } from '../../helpers/stack.ts'

/** From the platform to the box by the commands that people use. */
describe('a gateway\'s program on its way to a gateway', () => {
  let plant: JudgingSite
  let api: TestApi
  let cli: TestCli
  let site = ''
  before(async () => {
    const { connections } = await useStack()
    plant = await createJudgingSite({ assets: 1 })
    api = await startTestApi({ ...connections, database: { url: plant.database.url, migrationUrl: plant.database.migrationUrl } })
    cli = createTestCli(api.address, plant.site, {
      ines: await api.keyFor(plant.site, ['integrator'], 'ines'), mia: await api.keyFor(plant.site, ['ml-engineer'], 'mia'),
    })
    site = cli.file('site.yaml', [
      'version: 1', `site: ${plant.site}`, 'gateway: gw-1', 'platform: { mqtt: "mqtt://127.0.0.1:1883" }', 'sources:', '  - id: plc', '    type: modbus-tcp', '    host: 127.0.0.1', '    tags:',
      '      - { tag: pump-1/temperature, address: "1:holding:100:float32", unit: "1", every: 1s }',
    ].join('\n'))
  })
  after(async () => {
    cli?.remove()
    await api?.stop()
    await plant?.drop()
  })
  const file = (name: string) => cli.file(name, '')

  it('is packed and signed with its audit entry, trusted, checked and put beside, each step saying what it did', async () => {
    const [out, key] = [file('v1.twu'), file('key.pem')]
    const made = await cli.json<{ issue: number; key: string; version: string; platform: string }>('ines', `edge package --as 7.1.0 --out ${out}`)
    assert.deepEqual([made.version, made.platform], ['7.1.0', process.platform])
    const [audited] = await plant.asOwner<{ audit_id: string; actor_id: string; detail: { version: string } }>("select * from audit_entry where verb = 'issue-update'")
    assert.deepEqual([Number(audited?.audit_id), audited?.actor_id, audited?.detail.version], [made.issue, 'ines', '7.1.0'])
    assert.match((await cli.run('ines', `edge update ${out} --for ${site}`)).err, new RegExp(`signed by key ${made.key}.*bundle-key --out`))
    await cli.says('ines', `bundle-key --out ${key}`)
    assert.match(await cli.says('ines', `edge update ${out} --for ${site} --trust ${key}`), new RegExp(`trusted here[^]*7\\.1\\.0 \\(issue ${made.issue}\\) is on this disk`))
    assert.match(await cli.says('ines', `edge versions ${site}`), /In force: as installed/)
    assert.equal((await cli.json<{ inForce: string }>('ines', `edge versions ${site}`)).inForce, 'installed')

    const changed = readFileSync(out)
    changed[changed.length - 100]! ^= 1
    writeFileSync(out, changed)
    const refused = await cli.run('ines', `edge update ${out} --for ${site}`)
    assert.deepEqual([refused.exitCode, /not what was signed[^]*Copy it/.test(refused.err)], [1, true])
    assert.match((await cli.run('ines', `edge update ${out}-gone --for ${site}`)).err, /cannot be read/)
  })

  it('site files are read before anything is sent, and go only to gateways that have reported, by whoever may', async () => {
    const configure = (who: string, name: string) => cli.run(who, `gateways configure ${name} --stages 100% --reason`, 'as asked')
    assert.match((await configure('ines', site)).err, /No gateway gw-1 has reported/)
    assert.match((await configure('mia', site)).err, /gateway\.update/)
    assert.match((await configure('ines', `${site} ${site}`)).err, /two site files for gw-1/)
    assert.match((await configure('ines', cli.file('elsewhere.yaml', readFileSync(site, 'utf8').replace(`site: ${plant.site}`, 'site: elsewhere')))).err, /is for site elsewhere/)
    assert.match((await configure('ines', cli.file('mistaken.yaml', readFileSync(site, 'utf8').replace('host:', 'hots:')))).err, /mistaken\.yaml:\d+/)
  })

  it('is not signed for whoever has no right to it, nor when it names files elsewhere', async () => {
    const denied = await cli.run('mia', `edge package --out ${file('x.twu')}`)
    assert.deepEqual([denied.exitCode, /may not update gateways \(gateway\.update\)/.test(denied.err)], [1, true])
    assert.equal((await cli.run('ines', 'edge package')).exitCode, 2)
    assert.match((await cli.run('ines', `edge package --as next --out ${file('x.twu')}`)).err, /0\.3\.1/)
    assert.equal(api.errors.length, 0)
  })
})
