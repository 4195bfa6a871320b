import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { createMinioStore } from '../../../registry/artifacts/minio.ts'
import { startTestApi, type TestApi } from '../../helpers/api.ts'
import { createTestCli, type TestCli } from '../../helpers/cli.ts'
import { createJudgingSite, type JudgingSite } from '../../helpers/judging.ts'
import { freshPrefix, useStack } from '../../helpers/stack.ts'

/** From the platform to the box by the commands that people use. */
describe('a release on its way to a gateway', () => {
  let plant: JudgingSite
  let api: TestApi
  let cli: TestCli
  let release = ''
  let site = ''
  before(async () => {
    const { connections } = await useStack()
    plant = await createJudgingSite({ assets: 2 })
    const s3 = { ...connections.s3, bucketPrefix: freshPrefix() }
    api = await startTestApi({ ...connections, database: { url: plant.database.url, migrationUrl: plant.database.migrationUrl }, s3 })
    cli = createTestCli(api.address, plant.site, {
      mia: await api.keyFor(plant.site, ['ml-engineer'], 'mia'), omar: await api.keyFor(plant.site, ['operator'], 'omar'),
    })
    release = await plant.release()
    await plant.assign(release)
    const [{ key } = { key: '' }] = await plant.asOwner<{ key: string }>('select artifact_key as key from model_version')
    const objects = createMinioStore(s3)
    await objects.ensureBuckets()
    await objects.put('models', key, await plant.objects.get('models', key))
    site = cli.file('site.yaml', [
      'version: 1', `site: ${plant.site}`, 'gateway: gw-1', 'platform: { mqtt: "mqtt://127.0.0.1:1883" }', 'sources:', '  - id: plc', '    type: modbus-tcp', '    host: 127.0.0.1', '    tags:',
      ...['vibration', 'temperature'].map((name, i) => `      - { tag: pump-1/${name}, address: "1:holding:${100 + 2 * i}:float32", unit: "1", every: 1s }`),
    ].join('\n'))
  })
  after(async () => {
    cli?.remove()
    await api?.stop()
    await plant?.drop()
  })
  const file = (name: string) => cli.file(name, '')

  it('is exported, trusted, checked and installed, each step saying what it did', async () => {
    const [out, key] = [file('r1.twb'), file('key.pem')]
    const exported = await cli.json<{ issue: number; key: string; digest: string }>('mia', `bundle ${release} --asset pump-1 --out ${out}`)
    assert.ok(exported.issue > 0)
    const untrusted = await cli.run('omar', `edge install ${out} --for ${site}`)
    assert.equal(untrusted.exitCode, 1)
    assert.match(untrusted.err, new RegExp(`signed by key ${exported.key}.*bundle-key --out`))
    assert.match(await cli.says('omar', `bundle-key --out ${key}`), new RegExp(exported.key))
    assert.match(await cli.says('omar', `edge install ${out} --for ${site} --trust ${key}`), new RegExp(`trusted here[^]*${release} \\(issue ${exported.issue}\\) is now in force for pump-1`))
    assert.match(await cli.says('omar', `edge install ${out} --for ${site}`), /was already in force/)
    assert.match(await cli.says('omar', `edge bundles ${site}`), new RegExp(`pump-1.*${release}.*pumps@1.*mia`))
    assert.deepEqual((await cli.json<{ items: { asset: string; issue: number }[] }>('omar', `edge bundles ${site}`)).items.map(({ asset, issue }) => [asset, issue]), [['pump-1', exported.issue]])
  })

  it('is refused changed, older and for another machine, and the one before stays', async () => {
    const [older, newer, other] = [file('older.twb'), file('newer.twb'), file('other.twb')]
    await cli.says('mia', `bundle ${release} --asset pump-1 --out ${older}`)
    const { issue } = await cli.json<{ issue: number }>('mia', `bundle ${release} --asset pump-1 --out ${newer}`)
    await cli.says('mia', `bundle ${release} --asset pump-2 --out ${other}`)
    await cli.says('omar', `edge install ${newer} --for ${site}`)
    const changed = readFileSync(newer)
    changed[200] = changed[200]! ^ 1
    const broken = file('broken.twb')
    writeFileSync(broken, changed)
    for (const [bundle, words] of [[older, /not newer[^]*new issue/], [other, /pump-2[^]*--asset/], [broken, /not what was signed[^]*Copy it/], [site, /no bundle/], [`${newer}-gone`, /cannot be read/]] as const) {
      const { exitCode, err } = await cli.run('omar', `edge install ${bundle} --for ${site}`)
      assert.equal(exitCode, 1)
      assert.match(err, words)
    }
    assert.deepEqual((await cli.json<{ items: { issue: number }[] }>('omar', `edge bundles ${site}`)).items.map((item) => item.issue), [issue])
  })

  it('is not exported without the right, nor to a file that cannot be written', async () => {
    const denied = await cli.run('omar', `bundle ${release} --asset pump-1 --out ${file('x.twb')}`)
    assert.deepEqual([denied.exitCode, /release\.export/.test(denied.err)], [1, true])
    assert.match((await cli.run('mia', `bundle ${release} --asset pump-1 --out /nowhere/x.twb`)).err, /--out/)
    assert.equal((await cli.run('mia', `bundle ${release}`)).exitCode, 2)
    assert.equal(api.errors.length, 0)
  })
})
