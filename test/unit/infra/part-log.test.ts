import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { root } from '../../../infra/setup/paths.mjs'

const program = `
import { openPartLog } from ${JSON.stringify(pathToFileURL(path.join(root, 'infra/part-log.ts')).href)}
const log = openPartLog('worker', 'info')
process.once('message', () => {
  for (let i = 0; i < 100; i++) log.info({ i }, 'the database is away')
  process.exit(0)
})
log.info('ready')
`

function start() {
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], { cwd: root, stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  assert.ok(child.stdout)
  return { child, stdout: child.stdout, closed: once(child, 'close') }
}

it('ends although nobody reads its log any more', async () => {
  const { child, stdout, closed } = start()
  const [first] = await once(stdout, 'data') as [Buffer]
  assert.match(first.toString(), /"part":"worker","msg":"ready"/)
  stdout.destroy()
  child.send('end')
  assert.deepEqual(await closed, [0, null])
})

it('writes every line before it ends', async () => {
  const { child, stdout, closed } = start()
  let lines = ''
  stdout.on('data', (chunk: Buffer) => { lines += chunk.toString() })
  child.send('end')
  await closed
  assert.equal(lines.trim().split('\n').length, 101)
})
