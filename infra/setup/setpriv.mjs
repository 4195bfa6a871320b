import { spawnSync } from 'node:child_process'
import { findOnPath } from './paths.mjs'

let found

/**
 * util-linux's `setpriv`, which can have the kernel end a child when its parent dies; undefined elsewhere. busybox has a
 * program of the same name that does not know the option, so it is tried.
 */
export function findSetpriv() {
  if (found === undefined) {
    const file = process.platform === 'linux' ? findOnPath('setpriv') : undefined
    const works = file !== undefined && spawnSync(file, ['--pdeathsig=TERM', '--', 'true'], { stdio: 'ignore' }).status === 0
    found = works ? file : false
  }
  return found || undefined
}
