import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { createSystemdNotifier } from '../../../infra/systemd-notify.ts'

test('systemd hears of a gateway whose buffer hangs that it is ready, and never again', async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'twinward-notify-'))
  t.after(() => { rmSync(directory, { recursive: true, force: true }) })
  const heard = path.join(directory, 'heard')
  writeFileSync(path.join(directory, 'systemd-notify'), `#!/bin/sh\necho "$@" >> ${heard}\n`)
  chmodSync(path.join(directory, 'systemd-notify'), 0o755)
  const env = { PATH: `${directory}:${process.env['PATH'] ?? ''}`, NOTIFY_SOCKET: '/run/nowhere', WATCHDOG_USEC: '20000' }
  let asked = 0
  let answer: () => void = () => {}
  const notifier = createSystemdNotifier(env, () => {
    asked++
    return asked <= 2 ? Promise.resolve() : new Promise((resolve) => { answer = resolve })
  })
  const words = () => (existsSync(heard) ? readFileSync(heard, 'utf8').trim().split('\n') : [])
  notifier.ready()
  while (asked < 3 || words().length < 3) await new Promise((resolve) => { setTimeout(resolve, 5) })
  // Each is a process of its own: who is heard first is open.
  assert.deepEqual(words().sort(), ['READY=1', 'WATCHDOG=1', 'WATCHDOG=1'])
  notifier.stop()
  // Even an answer that comes at last does not start it again.
  answer()
  await new Promise((resolve) => { setTimeout(resolve, 50) })
  assert.deepEqual([asked, words().length], [3, 3])
})

test('without systemd nothing is started', () => {
  const notifier = createSystemdNotifier({ PATH: '' }, () => { throw new Error('nobody asks') })
  notifier.ready()
  notifier.stopping()
  notifier.stop()
})
