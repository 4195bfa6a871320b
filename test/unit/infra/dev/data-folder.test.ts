import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { lockDataFolder } from '../../../../infra/dev/data-folder.ts'
import { statusFile } from '../../../../infra/status-file.ts'

function tempDir(context: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'twinward-folder-'))
  context.after(() => { rmSync(dir, { recursive: true, force: true }) })
  return dir
}

describe('the data folder', () => {
  it('belongs to one platform at a time: a second is told where the first answers', (t) => {
    const dir = tempDir(t)
    const { release } = lockDataFolder(dir)
    writeFileSync(statusFile(dir), JSON.stringify({ pid: process.pid, url: 'http://127.0.0.1:1234' }))
    assert.throws(() => lockDataFolder(dir), new RegExp(`already running, at http://127\\.0\\.0\\.1:1234, pid ${process.pid}, on the data folder ${dir}`))
    release()
    lockDataFolder(dir).release()
  })

  it('does not give the address of an earlier run for that of one that still starts', (t) => {
    const dir = tempDir(t)
    const { release } = lockDataFolder(dir)
    writeFileSync(statusFile(dir), JSON.stringify({ pid: process.pid + 1, url: 'http://127.0.0.1:1234' }))
    assert.throws(() => lockDataFolder(dir), (error: Error) => /still starting or stopping/.test(error.message) && !error.message.includes('1234'))
    release()
  })
})
