import { spawn } from 'node:child_process'

/** systemd's view of this process (sd_notify(3)); silent where systemd did not start it. */
export interface SystemdNotifier {
  ready(): void
  stopping(): void
  stop(): void
}

const LONGEST_MS = 2 ** 31 - 1

/**
 * Tells systemd READY=1, and WATCHDOG=1 twice as often as it asks for, but only after `pulse` has resolved: a process
 * whose loop or buffer hangs is started anew. By the program systemd-notify, as Node has no datagram sockets of this sort;
 * the unit needs NotifyAccess=all for it.
 */
export function createSystemdNotifier(env: NodeJS.ProcessEnv, pulse: () => Promise<void>): SystemdNotifier {
  if (!env['NOTIFY_SOCKET']) return { ready() {}, stopping() {}, stop() {} }
  const notify = (...words: string[]) => {
    // Without the program the unit's start or watchdog runs out, which systemd tells better than we could.
    spawn('systemd-notify', words, { stdio: 'ignore', env }).on('error', () => {})
  }
  let timer: NodeJS.Timeout | undefined
  const beat = async (everyMs: number) => {
    await pulse()
    if (timer === undefined) return
    notify('WATCHDOG=1')
    timer = setTimeout(() => { beat(everyMs).catch(() => {}) }, everyMs)
  }
  const stop = () => {
    clearTimeout(timer)
    timer = undefined
  }
  return {
    ready() {
      notify('READY=1')
      const asked = Number(env['WATCHDOG_USEC'])
      if (!(asked > 0)) return
      const everyMs = Math.min(asked / 2000, LONGEST_MS)
      timer = setTimeout(() => { beat(everyMs).catch(() => {}) }, 0)
    },
    stopping() {
      stop()
      notify('STOPPING=1')
    },
    stop,
  }
}
