import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { findRemembered } from '../pid-file.ts'

/** Linux counts CPU time in hundredths of a second, on every architecture Node runs on. */
const TICKS_A_SECOND = 100

export type CpuSeconds = Readonly<Record<string, number>>

/** CPU seconds used so far by each part of the platform whose data lies there, with all its children, ended ones too. Linux only. */
export function cpuSeconds(dataDir: string): CpuSeconds {
  const run = path.join(dataDir, 'run')
  const processes = readProcesses()
  const used: Record<string, number> = {}
  for (const file of readdirSync(run)) {
    const root = findRemembered(path.join(run, file))
    if (root !== undefined) used[path.basename(file, '.pid')] = ticksOfTree(root, processes) / TICKS_A_SECOND
  }
  return used
}

export const cpuBetween = (before: CpuSeconds, after: CpuSeconds): CpuSeconds =>
  Object.fromEntries(Object.entries(after).map(([name, seconds]) => [name, seconds - (before[name] ?? 0)]))

interface ProcessTicks { readonly parent: number; readonly ticks: number }

function readProcesses(): Map<number, ProcessTicks> {
  const processes = new Map<number, ProcessTicks>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      // proc_pid_stat(5); the program's name, in brackets, may hold spaces. utime, stime, cutime, cstime are fields 14 to 17.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      processes.set(Number(name), { parent: Number(fields[1]), ticks: fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) })
    } catch {
      // It ended meanwhile.
    }
  }
  return processes
}

function ticksOfTree(root: number, processes: ReadonlyMap<number, ProcessTicks>): number {
  let ticks = processes.get(root)?.ticks ?? 0
  for (const [pid, { parent }] of processes) if (parent === root) ticks += ticksOfTree(pid, processes)
  return ticks
}
