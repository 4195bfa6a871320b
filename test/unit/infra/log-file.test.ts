import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it } from 'node:test'
import { openLogFile } from '../../../infra/log-file.ts'

describe('log file', () => {
  it('is cut at its limit, keeps the former ones, and goes on where it was', async (t) => {
    const dir = mkdtempSync(path.join(tmpdir(), 'twinward-log-'))
    t.after(() => { rmSync(dir, { recursive: true, force: true }) })
    const file = path.join(dir, 'x.log')
    for (let run = 0; run < 8; run += 1) {
      const log = openLogFile(file, { maxBytes: 10 })
      log.write(`run ${run} ........\n`)
      await log.close()
    }
    assert.deepEqual(readdirSync(dir).sort(), ['x.log', 'x.log.1', 'x.log.2', 'x.log.3', 'x.log.4'])
    assert.match(readFileSync(file, 'utf8'), /^run 7/)
    assert.match(readFileSync(`${file}.4`, 'utf8'), /^run 3/)
  })
  it('is never larger than its limit, keeps as many as it is told, and loses no line on the way', async (t) => {
    const dir = mkdtempSync(path.join(tmpdir(), 'twinward-log-'))
    t.after(() => { rmSync(dir, { recursive: true, force: true }) })
    const file = path.join(dir, 'x.log')
    const log = openLogFile(file, { maxBytes: 100, keep: 2 })
    for (let n = 10; n < 40; n += 1) log.write(`line ${n}\n`)
    const files = ['x.log.2', 'x.log.1', 'x.log'].map((name) => readFileSync(path.join(dir, name), 'utf8'))
    assert.deepEqual(readdirSync(dir).sort(), ['x.log', 'x.log.1', 'x.log.2'])
    for (const text of files) assert.ok(text.length <= 100)
    const lines = files.join('').trimEnd().split('\n')
    assert.deepEqual(lines, Array.from({ length: lines.length }, (_, i) => `line ${40 - lines.length + i}`))
    assert.ok(lines.length > 20)
    await log.close()
  })
})
