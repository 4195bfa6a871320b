import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'mqtt'
import type { Logger } from 'pino'
import { topics } from '../registry/domain/contract/batch.ts'
import { fileRequestSchema, type ArrivedReport, type FilePiece, type FileRequest, type GatewayReply } from '../registry/domain/contract/gateway-report.ts'
import { slugSchema } from '../registry/domain/contract/primitives.ts'
import { readReport } from '../registry/domain/contract/read-report.ts'
import { DomainError } from '../registry/domain/errors.ts'
import type { MqttConnection } from './config.ts'

export interface ReportCounts {
  readonly kept: number
  /** Broke the contract, or came from a gateway of no site. */
  readonly refused: number
  /** A store was away; the gateway tells it again. */
  readonly failed: number
}

export interface ReportSubscriber {
  /** Resolves once the broker has granted the subscription. */
  readonly subscribed: Promise<void>
  counts(): ReportCounts
  close(): Promise<void>
}

export interface ReportSubscriberOptions {
  readonly mqtt: MqttConnection
  readonly clientId: string
  readonly filters: readonly string[]
  readonly log: Logger
  readonly nowUs: () => number
  readonly keep: (report: ArrivedReport, receivedUs: number) => Promise<GatewayReply>
  /** A piece of a file that an order of the gateway names. */
  readonly give: (site: string, gateway: string, request: FileRequest) => Promise<FilePiece>
}

const TOPIC = /^twinward\/v1\/([^/]+)\/gateways\/([^/]+)\/(reports|file-requests)$/

/**
 * Takes reports and requests for files off MQTT, one at a time, and answers each. It has a connection of its own, so that reports and batches
 * never wait for one another; while one is in work the connection is not read, and TCP holds the broker back. No
 * persistent session: a gateway tells again what no reply has confirmed, and reports of yesterday help nobody.
 */
export function createReportSubscriber({ mqtt, clientId, filters, log, nowUs, keep, give }: ReportSubscriberOptions): ReportSubscriber {
  const client = connect(mqtt.url, {
    clientId, clean: true, protocolVersion: 4, reconnectPeriod: 1000, connectTimeout: 10_000, keepalive: 30, resubscribe: false,
    ...(mqtt.username !== undefined && { username: mqtt.username }),
    ...(mqtt.password !== undefined && { password: mqtt.password }),
  })
  const counts = { kept: 0, refused: 0, failed: 0 }
  let closing = false
  let inWork: Promise<void> = Promise.resolve()

  async function handle(topic: string, bytes: Uint8Array): Promise<void> {
    const [, site = '', gateway = '', what] = TOPIC.exec(topic) ?? []
    // Names that no gateway can have: there is nobody to answer.
    if (!slugSchema.safeParse(site).success || !slugSchema.safeParse(gateway).success) {
      counts.refused++
      return
    }
    if (what === 'file-requests') return handleRequest(site, gateway, bytes)
    const receivedUs = nowUs()
    let sentUs: number | null = null
    try {
      const report = readReport(bytes, { site, gateway })
      sentUs = report.sentUs
      const reply = await keep(report, receivedUs)
      counts.kept++
      if (reply.problem !== null) log.warn({ site, gateway, problem: reply.problem }, 'not all of a report was kept')
      answer(site, gateway, reply)
    } catch (error) {
      if (error instanceof DomainError && error.code !== 'unavailable') {
        counts.refused++
        log.warn({ site, gateway, bytes: bytes.length, code: error.code, problem: error.message, refused: counts.refused }, 'refused a report')
        answer(site, gateway, { sentUs, receivedUs, gaps: [], alarms: [], judged: null, mappings: [], commands: [], problem: error.message })
      } else {
        counts.failed++
        log.warn({ err: error, site, gateway, failed: counts.failed }, 'a report could not be kept; the gateway tells it again')
      }
    }
  }

  /** What cannot be read or given now is asked for again. */
  async function handleRequest(site: string, gateway: string, bytes: Uint8Array): Promise<void> {
    try {
      const request = fileRequestSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')))
      const piece = await give(site, gateway, request).catch((error: unknown): FilePiece => {
        if (!(error instanceof DomainError) || error.code === 'unavailable') throw error
        return { ...request, total: 0, piece: null, problem: error.message.slice(0, 500) }
      })
      if (piece.problem !== null) log.warn({ site, gateway, digest: request.digest, problem: piece.problem }, 'a file was asked for and not given')
      client.publish(topics.filePiece(site, gateway), JSON.stringify(piece), { qos: 1 }, (error) => {
        if (error) log.warn({ err: error }, 'a piece of a file did not go out; the gateway asks again')
      })
    } catch (error) {
      log.warn({ err: error, site, gateway }, 'a request for a file could not be answered')
    }
  }

  function answer(site: string, gateway: string, reply: GatewayReply): void {
    client.publish(topics.reply(site, gateway), JSON.stringify(reply), { qos: 1 }, (error) => {
      if (error) log.warn({ err: error }, 'a reply did not go out; the gateway reports again')
    })
  }

  client.handleMessage = ({ topic, payload }, callback) => {
    if (closing) {
      callback()
      return
    }
    inWork = handle(topic, typeof payload === 'string' ? Buffer.from(payload) : payload).finally(() => { callback() })
  }
  const subscribed = new Promise<void>((resolve) => {
    client.on('connect', () => {
      client.subscribeAsync([...filters], { qos: 1 }).then(() => { resolve() }, (error: unknown) => {
        log.error({ err: error }, 'the broker refuses the subscription to reports; check the rights of the MQTT user')
      })
    })
  })
  client.on('error', (error) => { log.warn({ err: error }, 'MQTT connection for reports') })

  return {
    subscribed,
    counts: () => ({ ...counts }),
    async close() {
      closing = true
      await inWork
      await Promise.race([client.endAsync(), sleep(500, undefined, { ref: false })])
      await client.endAsync(true)
    },
  }
}
