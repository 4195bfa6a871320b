import { connectAsync } from 'mqtt'
import type { MqttAddress } from '../../edge/mqtt-link.ts'
import type { LocalAlarm } from '../../registry/domain/contract/local-alarm.ts'
import { topics } from '../../registry/domain/contract/batch.ts'
import { arrivedReplySchema, gatewayReportSchema, type Gap, type GatewayCommand, type GatewayReport } from '../../registry/domain/contract/gateway-report.ts'

/** Stands in for the platform's side of reports: keeps all, confirms all, gives the orders a test wants given. */
export interface ReportDesk {
  readonly reports: GatewayReport[]
  readonly gaps: Map<string, Gap>
  /** Local alarms, the newest revision of each. */
  readonly alarms: Map<string, LocalAlarm>
  readonly mappings: Map<string, Record<string, unknown>>
  commands: GatewayCommand[]
  /** Added to the platform's clock, microseconds. */
  skewUs: number
  close(): Promise<void>
}

export async function startReportDesk({ url, ...user }: MqttAddress, site: string, gateway: string): Promise<ReportDesk> {
  const client = await connectAsync(url, { ...user, reconnectPeriod: 20, protocolVersion: 4 })
  await client.subscribeAsync(topics.report(site, gateway), { qos: 1 })
  const desk: ReportDesk = { reports: [], gaps: new Map(), alarms: new Map(), mappings: new Map(), commands: [], skewUs: 0, close: () => client.endAsync(true) }
  client.on('message', (_topic, payload) => {
    const report = gatewayReportSchema.parse(JSON.parse(payload.toString('utf8')))
    desk.reports.push(report)
    for (const gap of report.gaps) if ((desk.gaps.get(gap.id)?.revision ?? 0) < gap.revision) desk.gaps.set(gap.id, gap)
    for (const alarm of report.alarms) if ((desk.alarms.get(alarm.id)?.revision ?? 0) < alarm.revision) desk.alarms.set(alarm.id, alarm)
    for (const { digest, document } of report.mappings) desk.mappings.set(digest, document)
    const ended = new Set(report.commands.filter(({ state }) => state !== 'accepted').map(({ id }) => id))
    desk.commands = desk.commands.filter(({ id }) => !ended.has(id))
    client.publish(topics.reply(site, gateway), JSON.stringify(arrivedReplySchema.parse({
      sentUs: report.sentUs, receivedUs: Date.now() * 1000 + desk.skewUs, gaps: report.gaps.map(({ id, revision }) => ({ id, revision })), alarms: report.alarms.map(({ id, revision }) => ({ id, revision })),
      mappings: report.mappings.map(({ digest }) => digest), commands: desk.commands, problem: null,
    })), { qos: 1 })
  })
  return desk
}
