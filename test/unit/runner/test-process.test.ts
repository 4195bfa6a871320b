import assert from 'node:assert/strict'
import path from 'node:path'
import { describe, it } from 'node:test'
import { cleanEnv, runStep, testArgs } from '../../runner/test-process.ts'

const sample = path.join(import.meta.dirname, 'sample-tests.ts')

describe('running a test file', () => {
  it('reports each test once, suites and parents not at all', async () => {
    const live: string[] = []
    const { outcomes, output } = await runStep({
      title: 'sample', kind: 'tests', args: testArgs([sample]), timeoutMs: 60_000, onOutcome: ({ name }) => live.push(name),
    })
    assert.deepEqual(outcomes.map(({ name, result, note }) => [name, result, note]), [
      ['outer › passes', 'passed', undefined],
      ['outer › inner › fails', 'failed', undefined],
      ['outer › inner › is skipped', 'skipped', 'no browser'],
      ['outer › inner › is to be done', 'skipped', undefined],
      ['parent › child passes', 'passed', undefined],
      ['parent › child fails', 'failed', undefined],
      ['needs a server', 'skipped', 'no server'],
      ['last › alone', 'passed', undefined],
    ])
    assert.deepEqual(live, outcomes.map(({ name }) => name))
    assert.match(outcomes[1]?.error ?? '', /one is not two/)
    assert.match(outcomes[5]?.error ?? '', /TypeError: bad child/)
    assert.match(output, /printed without a line end/)
  })

  it('ends one that takes too long, and counts it as failed', async () => {
    const { outcomes } = await runStep({ title: 'x', kind: 'tests', args: ['-e', 'setInterval(() => {}, 1000)'], timeoutMs: 300 })
    assert.deepEqual(outcomes.map(({ name, result }) => [name, result]), [['time limit', 'failed']])
  })

  it('keeps the developer\'s own servers and npm\'s settings out', () => {
    const env = cleanEnv({ PATH: '/bin', DATABASE_URL: 'postgres://production/db', npm_config_x: '1', TWINWARD_CACHE: '/c', TWINWARD_PORT: '1' })
    assert.deepEqual(env, { PATH: '/bin', TWINWARD_CACHE: '/c' })
  })
})
