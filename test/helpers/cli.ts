import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { runCli } from '../../infra/cli/run.ts'

export interface Ran { readonly exitCode: number; readonly out: string; readonly err: string }

/** The CLI in this process, against an API, as whoever's key it is given. */
export interface TestCli {
  /** One command line, its blanks between words; what holds blanks is given in `more`. */
  run(who: string, line: string, ...more: string[]): Promise<Ran>
  /** The same, which must end well; what people read. */
  says(who: string, line: string, ...more: string[]): Promise<string>
  /** The same with --json: its document. */
  json<T>(who: string, line: string, ...more: string[]): Promise<T>
  file(name: string, content: unknown): string
  remove(): void
}

export function createTestCli(address: string, site: string, keys: Readonly<Record<string, string>>): TestCli {
  const dir = mkdtempSync(path.join(tmpdir(), 'twinward-cli-'))
  const file = (name: string, content: unknown): string => {
    const target = path.join(dir, name)
    writeFileSync(target, typeof content === 'string' ? content : JSON.stringify(content))
    return target
  }
  for (const [who, key] of Object.entries(keys)) file(`key-${who}`, key)
  const run = async (who: string, line: string, ...more: string[]): Promise<Ran> => {
    let out = ''
    let err = ''
    const exitCode = await runCli(['--url', address, '--site', site, '--key-file', path.join(dir, `key-${who}`), ...line.split(' '), ...more], {
      env: { TWINWARD_DATA_DIR: path.join(dir, 'nowhere'), TWINWARD_PORT: '1' }, out: (text) => { out += text }, err: (text) => { err += text }, live: false,
    })
    return { exitCode, out, err }
  }
  const well = async (...given: Parameters<typeof run>): Promise<string> => {
    const { exitCode, out, err } = await run(...given)
    assert.equal(exitCode, 0, `${given.join(' ')}: ${err}${out}`)
    return out
  }
  return {
    run, file, says: well,
    json: async <T>(who: string, line: string, ...more: string[]) => JSON.parse(await well(who, `--json ${line}`, ...more)) as T,
    remove: () => { rmSync(dir, { recursive: true, force: true }) },
  }
}
