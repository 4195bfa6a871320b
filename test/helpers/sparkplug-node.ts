import { connectAsync, type MqttClient } from 'mqtt'
import type { MqttAddress } from '../../edge/mqtt-link.ts'
import { sparkplugPayload, type SentMetric } from './sparkplug.ts'

export interface NodeOptions {
  readonly group: string
  readonly node: string
  /** Metrics by device with their Sparkplug type; '' is the node itself. */
  readonly devices: Readonly<Record<string, Readonly<Record<string, { readonly type: number; readonly unit?: string }>>>>
  /** It sends only while this host is there, and keeps the rest to send it as history. */
  readonly primaryHost?: string
  readonly bdSeq?: number
  /** Aliases count from here: other ones in each session. */
  readonly firstAlias?: number
}

/** What was given to it to send; `ms` is the source time. */
export interface SentValue { readonly address: string; readonly ms: number; readonly value: number }

/** An edge node as Sparkplug 3.0 has it: will, births with aliases, sequence, rebirth on command, history for a host that was away. */
export interface SparkplugNode {
  readonly sent: SentValue[]
  readonly rebirths: () => number
  send(device: string, metric: string, value: number): Promise<void>
  /** As a power cut: the broker tells of it. */
  crash(): Promise<void>
  end(): Promise<void>
}

let lastMs = 0
/** Strictly ascending, so that a time names a value. */
const nextMs = () => (lastMs = Math.max(lastMs + 1, Date.now()))

export async function startSparkplugNode({ url, username, password }: MqttAddress, { group, node, devices, primaryHost, bdSeq = 0, firstAlias = 1 }: NodeOptions): Promise<SparkplugNode> {
  const topic = (type: string, device = '') => `spBv1.0/${group}/${type}/${node}${device === '' ? '' : `/${device}`}`
  const bd: SentMetric = { name: 'bdSeq', type: 4, long: BigInt(bdSeq) }
  const client: MqttClient = await connectAsync(url, {
    ...(username !== undefined && { username }), ...(password !== undefined && { password }), reconnectPeriod: 50, protocolVersion: 4,
    will: { topic: topic('NDEATH'), payload: Buffer.from(sparkplugPayload({ metrics: [bd] })), qos: 1, retain: false },
  })
  client.on('error', () => {})
  const aliases = new Map(Object.entries(devices).flatMap(([device, metrics]) => Object.keys(metrics).map((metric) => `${device}#${metric}`)).map((key, i) => [key, firstAlias + i]))
  const current = new Map<string, number>()
  const stored: { device: string; metric: SentMetric }[] = []
  const sent: SentValue[] = []
  let seq = 0
  let births = 0
  let hostIsThere = primaryHost === undefined

  const valueOf = (type: number, value: number): SentMetric => (type <= 3 || (type >= 5 && type <= 7) ? { int: value >>> 0 } : type === 11 ? { boolean: value !== 0 } : { double: value })
  const publish = (type: string, device: string, metrics: readonly SentMetric[], ms = nextMs()) => {
    const bytes = sparkplugPayload({ ms, seq, metrics })
    seq = (seq + 1) % 256
    // QoS 0 that is not sent while there is no connection, as the specification has it.
    if (client.connected) client.publish(topic(type, device), Buffer.from(bytes), { qos: 0 })
  }
  function birth(): void {
    seq = 0
    births++
    for (const [device, metrics] of Object.entries<(typeof devices)[string]>({ '': {}, ...devices })) {
      const all = Object.entries(metrics).map(([name, { type, unit }]): SentMetric => {
        const value = current.get(`${device}#${name}`)
        return { name, alias: aliases.get(`${device}#${name}`) ?? 0, type, ...(unit !== undefined && { unit }), ...(value === undefined ? { isNull: true } : valueOf(type, value)) }
      })
      publish(device === '' ? 'NBIRTH' : 'DBIRTH', device, device === '' ? [bd, { name: 'Node Control/Rebirth', type: 11, boolean: false }, ...all] : all)
    }
    for (const { device, metric } of stored.splice(0)) publish(device === '' ? 'NDATA' : 'DDATA', device, [{ ...metric, historical: true }])
  }
  client.on('message', (name, payload) => {
    if (name === topic('NCMD')) birth()
    if (name !== `spBv1.0/STATE/${primaryHost ?? ''}`) return
    const wasThere = hostIsThere
    hostIsThere = (JSON.parse(payload.toString()) as { online: boolean }).online
    if (hostIsThere && !wasThere) birth()
  })
  client.on('connect', () => { if (hostIsThere) birth() })
  await client.subscribeAsync([topic('NCMD'), ...(primaryHost === undefined ? [] : [`spBv1.0/STATE/${primaryHost}`])], { qos: 1 })
  if (hostIsThere) birth()

  return {
    sent,
    rebirths: () => births,
    async send(device, name, value) {
      const type = devices[device]?.[name]?.type ?? 10
      const ms = nextMs()
      current.set(`${device}#${name}`, value)
      const metric: SentMetric = { alias: aliases.get(`${device}#${name}`) ?? 0, ms, ...valueOf(type, value) }
      if (client.connected && hostIsThere) publish(device === '' ? 'NDATA' : 'DDATA', device, [metric], ms)
      else if (primaryHost !== undefined) stored.push({ device, metric })
      else return
      sent.push({ address: `${group}/${node}${device === '' ? '' : `/${device}`}#${name}`, ms, value })
      await new Promise((resolve) => { setImmediate(resolve) })
    },
    async crash() {
      client.options.reconnectPeriod = 0
      client.stream.destroy()
      await client.endAsync(true)
    },
    async end() {
      client.publish(topic('NDEATH'), Buffer.from(sparkplugPayload({ metrics: [bd] })), { qos: 0 })
      await client.endAsync()
    },
  }
}
