import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bar, createProgress } from '../../../../infra/setup/progress.mjs'

function setUp(tty: boolean) {
  let text = ''
  let clock = 0
  const progress = createProgress({
    stream: { write: (chunk) => { text += chunk }, columns: 60 },
    now: () => clock,
    tty,
  })
  return { progress, text: () => text, pass: (ms: number) => { clock += ms } }
}

describe('progress', () => {
  it('says plainly what began and how it ended', () => {
    const { progress, text, pass } = setUp(false)
    const task = progress.task('Temporal')
    pass(12_400)
    task.done('built')
    assert.equal(text(), '- Temporal\n✓ Temporal: built (12 s)\n')
  })

  it('reports a task that goes on, every 15 s', (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const { progress, text, pass } = setUp(false)
    const task = progress.task('MinIO')
    task.update('building', 0.5)
    for (let second = 0; second < 31; second += 1) {
      pass(1000)
      t.mock.timers.tick(1000)
    }
    task.fail()
    const lines = text().trimEnd().split('\n')
    assert.equal(lines.length, 4)
    assert.match(lines[1] ?? '', /^ {2}MinIO {2}\[█{10}░{10}\] 50 % {2}building … 15 s$/)
    assert.equal(lines[3], '✗ MinIO (31 s)')
  })

  it('redraws one line a task on a terminal, never wider than it', (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const { progress, text } = setUp(true)
    const task = progress.task('TensorFlow')
    task.update('x'.repeat(200))
    t.mock.timers.tick(120)
    t.mock.timers.tick(120)
    assert.ok(text().includes('\x1b[1A\x1b[0J'))
    for (const line of text().split('\n')) assert.ok(line.replaceAll(/\x1b\[\d+[AJ]/g, '').length < 60)
    task.done()
    assert.ok(text().endsWith('✓ TensorFlow (0 s)\n'))
  })

  it('draws a bar only when it knows how far it is', () => {
    assert.equal(bar(undefined), '')
    assert.equal(bar(NaN), '')
    assert.equal(bar(2), `[${'█'.repeat(20)}] 100 %`)
  })
})
