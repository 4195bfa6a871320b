import { z } from 'zod'
import { gatewayStatusSchema, type GatewayStatus } from '../../../registry/domain/contract/gateway-report.ts'
import { microsToIso } from '../../../registry/domain/contract/time.ts'
import { describeBytes, describeSpan } from '../../../edge/site/describe.ts'
import { CliError } from '../errors.ts'
import type { Printer } from '../print.ts'
import { reachGateway } from './ask-gateway.ts'

const healthSchema = gatewayStatusSchema.extend({
  site: z.string(), gateway: z.string(), version: z.string(), connected: z.boolean(), alone: z.boolean().default(false), certificateSeconds: z.number().nullable().optional(), lastAcknowledgedUs: z.number().nullable(), gapsOpen: z.number().nullable(), alarmsStanding: z.number().nullable().optional(),
})

function siteFileLine({ digest, version, from, trial, last }: NonNullable<GatewayStatus['siteFile']>): string {
  const whose = from === 'order' ? 'ordered by the platform' : 'the one on this box'
  const became = last && last.outcome !== 'confirmed' ? ` Ordered before: ${last.digest.slice(0, 8)}, which ${last.outcome === 'gave_way' ? 'gave way' : 'was rolled back'}${last.why === null ? '' : `: ${last.why}`}.` : ''
  return `Site file: ${digest.slice(0, 8)}${version === null ? '' : `, version ${version}`}, ${whose}${trial === true ? ', being tried' : ''}.${became}`
}

/** `edge status`: asks a gateway how it is; false when it is not well. */
export async function showEdgeStatus(url: string, print: Printer): Promise<boolean> {
  const response = await reachGateway(url, '/healthz')
  const body: unknown = await response.json().catch(() => undefined)
  const parsed = healthSchema.safeParse(body)
  if (!parsed.success) {
    const problems = z.object({ problems: z.array(z.string()) }).safeParse(body)
    if (problems.success) throw new CliError('unavailable', `The gateway at ${url}: ${problems.data.problems.join('; ')}.`)
    throw new CliError('not_twinward', `What answers at ${url} is no gateway of Twinward. Name the address of its health with --url.`)
  }
  const health = parsed.data
  const { buffer, rate, clock } = health
  const nowUs = Date.now() * 1000
  print.line(`Gateway ${health.gateway} of site ${health.site}, version ${health.version}: ${health.state}, ${health.alone ? 'on its own, without a platform' : `${health.connected ? 'connected to' : 'no connection to'} the platform`}.`)
  for (const problem of health.problems) print.line(`  - ${problem}`)
  print.line(`Buffer: ${buffer.rows} readings wait, ${describeBytes(buffer.bytes)} of ${describeBytes(buffer.capBytes)}${buffer.oldestUs === null ? '' : `, the oldest for ${describeSpan(Math.max(0, nowUs - buffer.oldestUs) / 1e6)}`}; `
    + `${describeBytes(buffer.archiveBytes)} in the raw store; ${buffer.diskFreeBytes === null ? 'disk unknown' : `${describeBytes(buffer.diskFreeBytes)} free on the disk`}; ${buffer.lostRows} lost.`)
  if (health.siteFile) print.line(siteFileLine(health.siteFile))
  print.line(`Rates: ${rate.inPerSec} readings/s in${health.alone ? '' : `, ${rate.acknowledgedPerSec} acknowledged`}. Gaps open: ${health.gapsOpen ?? '–'}. Alarms that stand: ${health.alarmsStanding ?? '–'}. `
    + `Clock: ${clock.state}${clock.skewUs === null ? '' : `, ${(clock.skewUs / 1e6).toFixed(3)} s from the platform's`}.`)
  if (typeof health.certificateSeconds === 'number') print.line(`Certificate: good for ${describeSpan(Math.max(0, health.certificateSeconds))}.`)
  print.table(health.connectors.map(({ id, type, state, lastReadingUs, detail }) => ({ source: id, type, state, 'last reading': lastReadingUs === null ? null : microsToIso(lastReadingUs), detail })), ['source', 'type', 'state', 'last reading', 'detail'])
  print.document(health)
  return response.ok && health.state === 'ok'
}
