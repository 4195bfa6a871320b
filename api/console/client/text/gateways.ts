import type { GatewayView } from '../../../../registry/services/read/gateways.ts'

/** What people call its state: shut out counts before all else. */
export const gatewayWord = ({ state }: Pick<GatewayView, 'state'>): Exclude<GatewayView['state'], 'shut-out'> | 'shut out' => (state === 'shut-out' ? 'shut out' : state)

export const GATEWAY_BADGE: Readonly<Record<ReturnType<typeof gatewayWord>, string>> = { ok: 'good', degraded: 'medium', silent: 'high', unknown: 'unknown', 'shut out': 'high' }

/** Certificates are renewed at two thirds of their life: one that comes this far was not. */
export const CERTIFICATE_DAYS_SHORT = 7

export function daysLeft(notAfter: string | null, nowMs: number): number | null {
  return notAfter === null ? null : Math.floor((Date.parse(notAfter) - nowMs) / 86_400_000)
}

export function skewText(us: number | null): string {
  if (us === null) return '–'
  const seconds = us / 1e6
  return Math.abs(seconds) < 0.05 ? '0 s' : `${seconds > 0 ? '+' : '−'}${Math.abs(seconds) < 10 ? Math.abs(seconds).toFixed(1) : Math.round(Math.abs(seconds))} s`
}

export function sizeText(bytes: number | null): string {
  if (bytes === null) return ''
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.round(bytes / 1e3)} kB`
}

const WORST_FIRST = ['shut out', 'silent', 'degraded', 'unknown', 'ok']

export const byUrgency = (gateways: readonly GatewayView[]): GatewayView[] =>
  [...gateways].sort((a, b) => WORST_FIRST.indexOf(gatewayWord(a)) - WORST_FIRST.indexOf(gatewayWord(b)) || (`${a.site}/${a.id}` < `${b.site}/${b.id}` ? -1 : 1))
