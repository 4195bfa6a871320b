/** Failures allowed to one address in a minute. Keys are 256 random bits: this spares the database, it guards no secret. */
const ALLOWED = 20
const WINDOW_US = 60_000_000
/** Addresses remembered at once; beyond it the oldest is forgotten, so that a flood of addresses costs no memory. */
const REMEMBERED = 10_000

export interface FailedAttempts {
  /** Seconds until this address may try again; 0 when it may now. */
  waitSeconds(address: string): number
  failed(address: string): void
}

/** Counts failed authentications per address in fixed windows of a minute, in this process's memory. */
export function createFailedAttempts(nowUs: () => number): FailedAttempts {
  const windows = new Map<string, { startUs: number; failures: number }>()
  const current = (address: string) => {
    const window = windows.get(address)
    return window && nowUs() - window.startUs < WINDOW_US ? window : undefined
  }
  return {
    waitSeconds(address) {
      const window = current(address)
      return window && window.failures >= ALLOWED ? Math.ceil((window.startUs + WINDOW_US - nowUs()) / 1_000_000) : 0
    },
    failed(address) {
      const window = current(address)
      if (window) {
        window.failures++
        return
      }
      windows.delete(address)
      windows.set(address, { startUs: nowUs(), failures: 1 })
      const oldest = windows.keys().next().value
      if (windows.size > REMEMBERED && oldest !== undefined) windows.delete(oldest)
    },
  }
}
