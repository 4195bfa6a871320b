import os from 'node:os'
import { z } from 'zod'
import { localAlarmSchema, type LocalAlarm } from '../../../registry/domain/contract/local-alarm.ts'
import { microsToIso } from '../../../registry/domain/contract/time.ts'
import { CliError } from '../errors.ts'
import type { Printer } from '../print.ts'
import { askGateway } from './ask-gateway.ts'

/** `edge alarms`: what stands, and what is over. */
export async function showAlarms(url: string, print: Printer): Promise<void> {
  const { items } = z.object({ items: z.array(localAlarmSchema) }).parse(await askGateway(url, '/alarms'))
  const stands = items.filter(({ state }) => state === 'active').length
  print.line(items.length === 0 ? 'No alarms.' : `${stands === 0 ? 'No alarm stands' : `${stands} of ${items.length} stand`}; newest first:`)
  print.table(items.map((alarm) => ({
    id: alarm.id, asset: alarm.asset, rule: alarm.rule, severity: alarm.severity, state: alarm.state, since: microsToIso(alarm.sinceUs), until: alarm.clearedUs === null ? null : microsToIso(alarm.clearedUs),
    acknowledged: alarm.acknowledged?.by ?? null, what: whatOf(alarm),
  })), ['id', 'asset', 'rule', 'severity', 'state', 'since', 'until', 'acknowledged', 'what'])
  print.document({ items })
}

/** `edge acknowledge`: as whoever is logged in on the box, unless told. */
export async function acknowledgeAlarm(url: string, id: string, { by = os.userInfo().username, comment }: { by?: string; comment?: string }, print: Printer): Promise<void> {
  if (id.trim() === '') throw new CliError('usage', 'Which alarm? "twinward-edge alarms" lists them with their ids.')
  const alarm = localAlarmSchema.parse(await askGateway(url, `/alarms/${encodeURIComponent(id)}/acknowledge`, { by, ...(comment !== undefined && { comment }) }))
  if (alarm.acknowledged === null) throw new CliError('not_twinward', `What answers at ${url} did not acknowledge it. Name the address of the gateway's health with --url.`)
  print.line(`${alarm.asset}, ${alarm.rule}: acknowledged by ${alarm.acknowledged.by}, ${microsToIso(alarm.acknowledged.atUs)}`)
  print.document(alarm)
}

const whatOf = ({ message, numbers: [first] }: LocalAlarm): string => (first === undefined ? message : `${message} (${first.tag} ${first.what} ${first.limit} ${first.unit}: ${first.value === null ? '–' : Number(first.value.toPrecision(5))})`)
