import { findSetpriv } from './setup/setpriv.mjs'

interface Program {
  command: string
  args: readonly string[]
  user?: { uid: number; gid: number }
  /** Let that user pass folders that only root may enter, such as a clone under /root. */
  passFolders?: boolean
}

interface BoundProgram {
  command: string
  args: string[]
  options: { uid?: number; gid?: number }
}

/**
 * On Linux, has the kernel send the child a signal when this process dies, even by kill -9, so that no server is left
 * behind; elsewhere the pid files do that at the next start. `setpriv` replaces itself by the program: same process.
 */
export function boundToParent({ command, args, user, passFolders }: Program, signal: NodeJS.Signals): BoundProgram {
  const setpriv = findSetpriv()
  if (!setpriv) return { command, args: [...args], options: { ...user } }
  const identity = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'] : []
  // access(2) would look with the bare user's rights; no_setuid_fixup leaves it the capability too.
  const reach = user && passFolders ? ['--inh-caps=+dac_override', '--ambient-caps=+dac_override', '--securebits=+no_setuid_fixup'] : []
  return {
    command: setpriv,
    args: [`--pdeathsig=${signal.replace(/^SIG/, '')}`, ...identity, ...reach, '--', command, ...args],
    options: {},
  }
}
