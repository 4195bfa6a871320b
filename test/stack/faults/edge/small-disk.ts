import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** Only root may mount, and not in every container. */
export const canMount = (): boolean => process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', os.tmpdir()], { stdio: 'ignore' }).status === 0

/** A small disk that only those see who are run `through` it. */
export interface SmallDisk {
  readonly directory: string
  readonly through: readonly string[]
  /** Takes all its room but so many bytes. */
  fill(leaving: number): void
  empty(): void
  readOnly(on: boolean): void
  /** Writes zeros over the second 4 KiB of a file on it. */
  spoil(file: string): void
  remove(): Promise<void>
}

export async function makeSmallDisk(megabytes: number): Promise<SmallDisk> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-small-disk-'))
  // Lives as long as its input is open: it ends with this process, however that ends.
  const holder = spawn('unshare', ['-m', 'sh', '-c', `mount -t tmpfs -o size=${megabytes}m,mode=700 tmpfs "$1" && echo there && read line`, 'sh', directory], { stdio: ['pipe', 'pipe', 'inherit'] })
  const gone = once(holder, 'exit')
  await once(holder.stdout, 'data')
  const through = ['nsenter', '-t', String(holder.pid), '-m']
  const run = (script: string, ...args: string[]) => execFileSync('nsenter', [...through.slice(1), 'sh', '-c', script, 'sh', directory, ...args], { encoding: 'utf8' })
  const filler = '"$1/filler"'
  return {
    directory,
    through,
    fill(leaving) {
      const free = Number(run('stat -f -c "%a %S" "$1"').trim().split(' ').reduce((product, n) => product * Number(n), 1))
      run(`head -c "$2" /dev/zero >> ${filler}`, String(Math.max(0, free - leaving)))
    },
    empty() { run(`rm -f ${filler}`) },
    spoil(file) { run('dd if=/dev/zero of="$1/$2" bs=4096 seek=1 count=1 conv=notrunc status=none', file) },
    readOnly(on) { run(`mount -o remount,${on ? 'ro' : 'rw'} "$1"`) },
    async remove() {
      holder.stdin.end()
      await gone
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
