/**
 * What judging at the edge costs: features and score of one window on the box, for 64 machines of one gateway, in a
 * process bundled as a gateway is deployed. `--json`: one object as the last line. Ends with 1 when it misses its aims.
 */
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { bundleEdge } from '../build/edge-bundle.ts'
import { endWithParent } from '../node-child.ts'
import { benchBundle, WINDOW_S } from './bench-bundle.ts'
import type { BoxFigures, BoxTask } from './edge-score-box.ts'

const MACHINES = 64
const AIM = { p99Ms: 10, coreShare: 0.5 } as const

export async function benchEdgeScore(): Promise<BoxFigures> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-bench-edge-score-'))
  try {
    const task: BoxTask = { bundle: path.join(directory, 'release.twb'), machines: MACHINES, pacedSeconds: 20, fastWindows: 20_000, readingsPerWindow: WINDOW_S }
    const assets = Array.from({ length: MACHINES }, (_, i) => `pump-${String(i + 1).padStart(3, '0')}`)
    writeFileSync(task.bundle, benchBundle({ site: 'bench', assets, tagOf: (asset, role) => `${asset}/role-${role}` }).bytes)
    const deployed = path.join(directory, 'deployed')
    await bundleEdge(deployed, 'bench', 'infra/bench/edge-score-box.ts')
    const child = fork(path.join(deployed, 'twinward-edge.mjs'), [JSON.stringify(task)], { execArgv: endWithParent })
    return await new Promise<BoxFigures>((resolve, reject) => {
      child.on('message', (figures) => { resolve(figures as BoxFigures) })
      child.once('error', reject)
      child.once('exit', (code, signal) => { reject(new Error(`the box ended before its work was done (${signal ?? code ?? 'no code'})`)) })
    })
  } finally {
    rmSync(directory, { recursive: true })
  }
}

if (process.argv[1] !== undefined && path.resolve(process.argv[1]) === import.meta.filename) {
  const figures = await benchEdgeScore()
  if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(figures)}\n`)
  else for (const [name, value] of Object.entries(figures)) process.stdout.write(`${name.padEnd(16)} ${(value as number).toLocaleString('en')}\n`)
  const missed = (Object.keys(AIM) as (keyof typeof AIM)[]).filter((key) => !(figures[key] < AIM[key]))
  if (missed.length > 0) {
    process.stderr.write(`${missed.map((key) => `${key} is ${figures[key]}, and should be under ${AIM[key]}`).join('; ')}.\n`)
    process.exitCode = 1
  }
}
