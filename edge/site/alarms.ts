import type { Logger } from 'pino'
import { severityRank } from '../../registry/domain/policy/policy.ts'
import { createAlarmBook, type AlarmBook } from '../alarms/alarm-book.ts'
import { createHttpOutput } from '../alarms/outputs/http.ts'
import type { Sender } from '../alarms/outputs/message.ts'
import { createMqttOutput } from '../alarms/outputs/mqtt.ts'
import { createSwitch } from '../alarms/switch.ts'
import { createTeller, type AlarmOutput } from '../alarms/teller.ts'
import { createAlarmWatch, TICK_MS, type AlarmWatch } from '../alarms/watch.ts'
import { createBell } from '../bell.ts'
import type { DurableBuffer } from '../buffer/buffer.ts'
import type { SecretReader } from '../connectors/kind.ts'
import type { AlarmOutputOfSite } from './alarm-schema.ts'
import type { SitePlan } from './plan.ts'
import type { Troubles } from './status.ts'

/** Local alarms of one gateway: rules, book, and whom it tells. */
export interface SiteAlarms extends Pick<AlarmWatch, 'follow' | 'see'> {
  readonly book: AlarmBook
  run(signal: AbortSignal): Promise<void>
}

export interface SiteAlarmsOptions {
  readonly plan: SitePlan
  readonly buffer: DurableBuffer
  readonly outputs: readonly OpenOutput[]
  readonly troubles: Troubles
  readonly nowUs: () => number
  readonly log: Logger
  /** Writes to a machine; refuses while it cannot be reached. */
  readonly write: (source: string, address: string, value: number) => Promise<void>
  /** Something is to be told to the platform. */
  readonly onChange: () => void
}

/** By this name the platform confirms what it has. */
export const PLATFORM = 'platform'
const CARE_EVERY_TICKS = 600

export interface OpenOutput extends Pick<AlarmOutputOfSite, 'id' | 'atLeast'> { readonly output: AlarmOutput }

/** Where a plan wants alarms told. Refuses (`not_found`) a secret that is missing. */
export const openAlarmOutputs = (plan: SitePlan, secret: SecretReader): OpenOutput[] =>
  plan.alarms.to.flatMap((of) => (of.type === 'write' ? [] : [{ id: of.id, atLeast: of.atLeast, output: openOutput(plan, of, secret) }]))

export function createSiteAlarms({ plan, buffer, outputs, troubles, nowUs, log, write, onChange }: SiteAlarmsOptions): SiteAlarms {
  const { rules, keepMs } = plan.alarms
  const trouble = (name: string) => (problem: string | null) => {
    if (problem === null) troubles.delete(name)
    else {
      if (troubles.get(name) !== problem) log.warn({ problem }, 'local alarms')
      troubles.set(name, problem)
    }
  }
  const book: AlarmBook = createAlarmBook({
    buffer, nowUs, keepUs: keepMs * 1000, listeners: [PLATFORM, ...outputs.map(({ id }) => id)],
    onChange({ id, asset, rule, state, severity, acknowledged }) {
      log.warn({ alarm: id, asset, rule, state, severity, acknowledged: acknowledged !== null }, 'a local alarm')
      for (const listener of [...tellers, ...switches]) listener.ring()
      onChange()
    },
    onDisk: (problem) => { if (problem !== null) log.warn({ err: problem }, 'an alarm could not be written; it stands in memory') },
  })
  const tellers = outputs.map(({ id, atLeast, output }) => createTeller({ id, atLeast, output, book, log, onTrouble: trouble(`alarms to ${id}`) }))
  const switches = plan.alarms.to.flatMap((of) => (of.type === 'write' ? [createSwitch({
    id: of.id, on: of.on, off: of.off, write: (value) => write(of.source, of.address, value), log, onTrouble: trouble(`alarms to ${of.id}`),
    wanted: () => book.standingAll().some(({ severity, acknowledged }) => severityRank(severity) >= severityRank(of.atLeast) && (of.while === 'standing' || acknowledged === null)),
  })] : []))
  const noted = (error: unknown) => { log.error({ err: error }, 'an alarm could not be noted') }
  const watch = createAlarmWatch({ rules, book, nowUs, onError: noted })

  return {
    book,
    follow: (source, map) => { watch.follow(source, map) },
    see: (source, mode, blocks) => { watch.see(source, mode, blocks) },
    async run(signal) {
      let ticks = 0
      const timer = setInterval(() => {
        watch.tick()
        if (ticks++ % CARE_EVERY_TICKS === 0) book.care().catch(noted)
      }, TICK_MS)
      try {
        await Promise.all([createBell().wait(signal), ...[...tellers, ...switches].map((listener) => listener.run(signal))])
      } finally {
        clearInterval(timer)
      }
    },
  }
}

function openOutput(sender: Sender, output: Exclude<AlarmOutputOfSite, { type: 'write' }>, secret: SecretReader): AlarmOutput {
  if (output.type === 'http') return createHttpOutput(sender, { url: output.url, token: output.token === undefined ? null : secret(output.token) })
  const { url, topic, retain, username = null, password } = output
  return createMqttOutput(sender, { url, topic, retain, username, password: password === undefined ? null : secret(password) })
}
