import type { GatewayStatus } from '../contract/gateway-report.ts'

/** `shut-out`: revoked, and not enrolled again since · `unknown`: it sends batches and no reports (an older gateway). */
export type GatewayState = 'ok' | 'degraded' | 'silent' | 'shut-out' | 'unknown'

export interface GatewayFacts {
  /** Of the newest report; null without one. */
  readonly status: Pick<GatewayStatus, 'state' | 'problems' | 'clock'> | null
  readonly reportedUs: number | null
  /** Gateway clock minus ours, from when its newest batch or report was sent to when it came: what waits looks slow. */
  readonly arrivalSkewUs: number | null
  /** Revoked, and not enrolled again since. */
  readonly shutOut: boolean
  /** What the door and the landing have to say of it. */
  readonly access: readonly string[]
}

/** A clock further off than this puts readings into the wrong window. */
export const SKEW_LIMIT_US = 5_000_000
/** Eight reports missed. */
export const SILENT_AFTER_US = 2 * 60 * 1_000_000

/** How a gateway is: what it says itself, and what it cannot say. Problems are sentences for people. */
export function gatewayState({ status, reportedUs, arrivalSkewUs, shutOut, access }: GatewayFacts, nowUs: number): { state: GatewayState; problems: string[]; clockSkewUs: number | null } {
  const clockSkewUs = status?.clock.skewUs ?? arrivalSkewUs
  const problems = [...access, ...status?.problems ?? []]
  // A batch that waited for its connection makes a clock look slow, never fast.
  const skewed = clockSkewUs !== null && (status?.clock.skewUs !== undefined && status.clock.skewUs !== null ? Math.abs(clockSkewUs) : clockSkewUs) > SKEW_LIMIT_US
  if (skewed) problems.push(`its clock is ${(Math.abs(clockSkewUs) / 1e6).toFixed(1)} s ${clockSkewUs > 0 ? 'ahead' : 'behind'}; set it, or let it follow a time server`)
  if (shutOut) return { state: 'shut-out', problems, clockSkewUs }
  if (status === null || reportedUs === null) return { state: skewed || access.length > 0 ? 'degraded' : 'unknown', problems, clockSkewUs }
  if (nowUs - reportedUs > SILENT_AFTER_US) {
    const minutes = Math.floor((nowUs - reportedUs) / 60_000_000)
    return { state: 'silent', problems: [`nothing was heard of it for ${minutes} min; look whether it runs and reaches the broker`, ...problems], clockSkewUs }
  }
  return { state: skewed || access.length > 0 || status.state === 'degraded' ? 'degraded' : 'ok', problems, clockSkewUs }
}
