import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTrustedKeys } from '../../../../edge/judge/trusted-keys.ts'
import { openPrograms, programsFolder } from '../../../../edge/launch/programs.ts'
import { versionOf } from '../../../../edge/launch/state.ts'
import type { LaunchTimes } from '../../../../edge/launch/launcher.ts'
import { LAUNCHER_FILE } from '../../../../infra/build/edge-bundle.ts'
import { packUpdate, type PackedUpdate } from '../../../../infra/build/edge-update.ts'
import { startBroker } from '../../../helpers/broker.ts'
import { newSigner } from '../../../helpers/bundles.ts'
import { installEdge } from '../../../helpers/edge-program.ts'
import { launch, type Launched } from '../../../helpers/launched.ts'
import { seeded } from '../../../helpers/random.ts'
import { packProgram, signUpdate } from '../../../helpers/updates.ts'
import { standIn } from './at-receiver.ts'
import { countingAccounts, countingSite, quick, roundsToEnd, type CountingSite } from './gateway.ts'

const seed = Number(process.env['TWINWARD_TEST_SEED'] ?? '20266')
const KILLS = 50

describe(`updates of the program (seed ${seed})`, () => {
  const signer = newSigner()
  const folder = mkdtempSync(path.join(os.tmpdir(), 'twinward-updates-'))
  const installation = path.join(folder, 'installed')
  const packed = new Map<string, PackedUpdate>()
  before(async () => {
    await installEdge(installation, 'faults', '1.0.0')
    for (const version of ['1.1.0', '1.2.0']) {
      const directory = path.join(folder, version)
      await installEdge(directory, 'faults', version)
      packed.set(version, packUpdate(directory, version))
    }
  })
  after(() => { rmSync(folder, { recursive: true, force: true }) })

  /** A box with a gateway whose source counts and remembers, and a stand-in for the platform that keeps account. */
  async function box(t: TestContext, name: string) {
    const directory = path.join(folder, name)
    mkdirSync(directory)
    const broker = await startBroker()
    const platform = await standIn(broker.connection, name)
    const site: CountingSite = { site: name, gateway: 'gw-1', asset: 'machine-1', tags: 5, startUs: Math.floor(Date.now() / 1000) * 1_000_000, stepUs: 10_000, rounds: 1_000_000_000, block: 10 }
    const siteFile = path.join(directory, 'site.yaml')
    const [keys, launched] = [path.join(directory, 'keys'), [] as Launched[]]
    createTrustedKeys(keys).trust(signer.publicKey)
    const { url, username = '', password = '' } = broker.connection
    const env = { MQTT_URL: url, MQTT_USERNAME: username, MQTT_PASSWORD: password, FAULT_OPTIONS: JSON.stringify(quick), LOG_LEVEL: 'warn' }
    const programs = openPrograms(programsFolder({}, siteFile))
    writeFileSync(siteFile, countingSite(site))
    let issue = 0
    t.after(async () => {
      for (const one of launched) await one.kill()
      await platform.close()
      await broker.stop()
    })
    return {
      programs, directory,
      start: (times: Partial<LaunchTimes> = {}, more: NodeJS.ProcessEnv = {}) => {
        const started = launch([path.join(installation, LAUNCHER_FILE), 'run', siteFile], { ...env, ...more }, times)
        launched.push(started)
        return started
      },
      /** Installs it by a process that may be killed. */
      install: (update: PackedUpdate): ChildProcess => {
        const file = path.join(directory, `${++issue}.twu`)
        writeFileSync(file, signUpdate(signer, update, issue))
        return spawn(process.execPath, [path.join(installation, 'twinward-edge.mjs'), 'update', file, keys, siteFile], { stdio: ['ignore', 'inherit', 'inherit'], env: { PATH: process.env['PATH'] } })
      },
      /** The machine comes to its end; all it gave is at the platform, once and in order. */
      balance: async (gateway: Launched) => {
        const rounds = roundsToEnd(site)
        writeFileSync(siteFile, countingSite({ ...site, rounds }))
        await gateway.until(({ connected, buffer }) => connected && buffer.rows === 0)
        return platform.settled(countingAccounts(site, rounds))
      },
    }
  }
  /** A launcher that has ended will never come to it. */
  const happens = async (gateway: Launched, what: () => boolean) => {
    while (!what()) {
      assert.ok(gateway.child.exitCode === null && gateway.child.signalCode === null, `the launcher has ended:\n${gateway.output()}`)
      await sleep(25)
    }
  }
  const installed = async (child: ChildProcess) => { assert.deepEqual(await once(child, 'exit'), [0, null]) }

  it('come into force beside a running gateway, which loses nothing; systemd sees one service all the while', async (t) => {
    const { start, install, programs, balance, directory } = await box(t, 'calm')
    const heard = path.join(directory, 'notified')
    writeFileSync(path.join(directory, 'systemd-notify'), `#!/bin/sh\necho "$@" >> ${heard}\n`, { mode: 0o755 })
    const gateway = start({}, { PATH: `${directory}:${process.env['PATH'] ?? ''}`, NOTIFY_SOCKET: '/run/nowhere', WATCHDOG_USEC: '400000' })
    await gateway.next('well')
    await gateway.until(({ version }) => version === '1.0.0')
    await installed(install(packed.get('1.1.0') as PackedUpdate))
    await gateway.until(({ version }) => version === '1.1.0')
    await happens(gateway, () => programs.state().trial === null && programs.state().last?.outcome === 'confirmed')
    assert.equal(versionOf(programs.state().inForce), '1.1.0')
    const { given, stored, named } = await balance(gateway)
    assert.deepEqual([stored, named], [given, 0])
    assert.doesNotMatch(readFileSync(heard, 'utf8'), /STOPPING/)
    assert.equal(await gateway.stop(), 0)
    while (!/STOPPING=1/.test(readFileSync(heard, 'utf8'))) await sleep(25)
    const words = readFileSync(heard, 'utf8').trim().split('\n')
    assert.deepEqual(words.filter((word) => word !== 'WATCHDOG=1'), ['READY=1', 'STOPPING=1'])
    assert.ok(words.length > 3)
  })

  it(`killed at ${KILLS} random moments, launcher, gateway and installer at once: it always starts, in one version or the other, and no reading is lost`, { timeout: 900_000 }, async (t) => {
    const { start, install, programs, balance } = await box(t, 'cut-off')
    const random = seeded(seed)
    const [ran, hits] = [new Map<string, number>(), new Map<string, number>()]
    // The moments are of an update's time on this machine, however busy it is.
    const calm = start()
    await calm.next('well')
    const beganMs = performance.now()
    await installed(install(packed.get('1.1.0') as PackedUpdate))
    await happens(calm, () => programs.state().last?.outcome === 'confirmed')
    const updateMs = performance.now() - beganMs
    assert.equal(await calm.stop(), 0)
    for (let kill = 0; kill < KILLS; kill++) {
      const gateway = start()
      await gateway.next('ready')
      const { version = 'none' } = await gateway.health() ?? {}
      assert.match(version, /^1\.[012]\.0$/)
      ran.set(version, (ran.get(version) ?? 0) + 1)
      const installer = install(packed.get(version === '1.1.0' ? '1.2.0' : '1.1.0') as PackedUpdate)
      await sleep(random(Math.ceil(1.3 * updateMs)))
      installer.kill('SIGKILL')
      await gateway.kill()
      const hit = programs.state().trial !== null ? 'during a trial' : programs.state().last?.id === programs.wish()?.id ? 'after one' : 'before one'
      hits.set(hit, (hits.get(hit) ?? 0) + 1)
    }
    const gateway = start()
    await gateway.next('well')
    await happens(gateway, () => programs.state().trial === null)
    const { given, stored, named } = await balance(gateway)
    assert.deepEqual([stored, named], [given, 0])
    // Each of them was in force at some time: the kills did not just prevent all updates.
    assert.ok(['1.1.0', '1.2.0'].every((version) => ran.has(version)), JSON.stringify([...ran]))
    assert.ok(readdirSync(programs.folder).filter((name) => /-[0-9a-f]{8}$/.test(name)).length <= 4)
    const listed = (counts: Map<string, number>) => [...counts].map(([what, times]) => `${times} ${what}`).join(', ')
    assert.ok(hits.has('during a trial'), listed(hits))
    t.diagnostic(`${given} given, ${stored} stored; an update takes ${Math.round(updateMs)} ms here; kills: ${listed(hits)}; starts: ${listed(ran)}`)
  })

  const bad: [string, string, Partial<LaunchTimes>, RegExp][] = [
    ['ends at once', "throw new Error('no such module: spindle')", {}, /rolled back.*3 starts ended before it was well.*no such module: spindle/],
    ['never says that it is well', 'setInterval(() => {}, 1000)', { wellWithinMs: 700 }, /rolled back.*it was not well within 1 s \(it never became ready\)/],
    ['says that it is ready, and hangs', "process.send({ type: 'ready' }); for (;;);", { wellWithinMs: 20_000, hangsAfterMs: 5_000, graceMs: 100 }, /rolled back.*it hung: no sign of life/],
    ['is well for a moment', "process.send({ type: 'well' }); setTimeout(() => process.exit(4), 20)", { settleMs: 500 }, /rolled back.*exit code 4/],
  ]
  for (const [i, [what, source, times, told]] of bad.entries()) {
    it(`one that ${what} is rolled back by itself; the status says why, and no reading is lost`, async (t) => {
      const { start, install, programs, balance } = await box(t, `bad-${i}`)
      const gateway = start(times)
      await gateway.next('well')
      await installed(install(packProgram(path.join(folder, `program-${i}`), '2.0.0', source)))
      await happens(gateway, () => programs.state().last !== null)
      assert.equal(programs.state().last?.outcome, 'rolled_back')
      await gateway.until(({ version, problems }) => version === '1.0.0' && problems.some((problem) => told.test(problem)))
      const { given, stored, named } = await balance(gateway)
      assert.deepEqual([stored, named], [given, 0])
    })
  }

  it('damaged on the disk, the former one is started, in the end the one that was installed', async (t) => {
    const { start, install, programs } = await box(t, 'worn')
    let gateway = start()
    for (const version of ['1.1.0', '1.2.0']) {
      await installed(install(packed.get(version) as PackedUpdate))
      await happens(gateway, () => versionOf(programs.state().inForce) === version)
    }
    await gateway.kill()
    for (const expected of ['1.1.0', '1.0.0']) {
      const { inForce, former } = programs.state()
      const name = expected === '1.1.0' ? inForce : former as string
      const chunk = readdirSync(path.join(programs.folderOf(name), 'chunks'))[0] as string
      writeFileSync(path.join(programs.folderOf(name), 'chunks', chunk), 'worn flash')
      gateway = start()
      await gateway.next('ready')
      await gateway.until(({ version }) => version === expected)
      assert.match(gateway.output(), /damaged on this disk; another one is started/)
      await gateway.kill()
    }
  })
})
