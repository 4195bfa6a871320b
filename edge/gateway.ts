import type { Logger } from 'pino'
import type { DurableBuffer, QueuedBatch } from './buffer/buffer.ts'
import type { Acknowledgement } from '../registry/domain/contract/batch.ts'
import { defaultCutLimits, type CutLimits } from './cut-limits.ts'
import { createCutter } from './cutter.ts'
import { createHealth, type GatewayHealth } from './health.ts'
import type { MqttAddress } from './mqtt-link.ts'
import { createOutlet } from './outlet.ts'
import { createRawReader } from './raw-reader.ts'
import type { Source } from './source.ts'
import { tagMapDigest } from './tag-map.ts'
import { createUplink, type UplinkTuning } from './uplink.ts'

export interface GatewayOptions {
  readonly site: string
  readonly gateway: string
  readonly buffer: DurableBuffer
  readonly sources: readonly Source[]
  readonly mqtt: MqttAddress
  readonly log: Logger
  readonly cut?: Partial<CutLimits>
  readonly uplink?: Partial<UplinkTuning>
  readonly onAcknowledged?: (batch: QueuedBatch, acknowledgement: Acknowledgement) => void
  /** UTC microseconds; the gateway's clock. */
  readonly nowUs?: () => number
}

export interface Gateway {
  /**
   * Runs sources, cutter and uplink. Resolves when every source has come to its end and all of it is acknowledged, or
   * when the signal aborts: what is not acknowledged then is in the buffer, and the next run goes on from there.
   * Rejects when a source, the buffer or the cutter fails; the buffer keeps what it has.
   */
  run(signal: AbortSignal): Promise<void>
  health(): GatewayHealth
}

/** Ties the machine's side to the platform's: source → buffer → cutter → buffer → uplink. */
export function createGateway(options: GatewayOptions): Gateway {
  const { site, gateway, buffer, sources, mqtt, log, nowUs = () => Date.now() * 1000 } = options
  const limits = { ...defaultCutLimits, ...options.cut }
  const cutter = createCutter({ buffer, reader: createRawReader(buffer), site, gateway, sources: () => sources, limits, nowUs })
  const uplink = createUplink({
    buffer, site, gateway, mqtt, log,
    ...(options.uplink && { tuning: options.uplink }),
    ...(options.onAcknowledged && { onAcknowledged: options.onAcknowledged }),
  })
  const health = createHealth({ buffer, uplink, sources })

  return {
    health,
    async run(signal) {
      const all = new AbortController()
      const stop = () => { all.abort() }
      signal.addEventListener('abort', stop)
      if (signal.aborted) stop()
      try {
        for (const { map } of sources) await buffer.keepDocument(tagMapDigest(map), map)
        const shipping = uplink.run(all.signal)
        const reading = Promise.all(sources.map((source) => source.run(createOutlet({ buffer, source, limits, nowUs, signal: all.signal }), all.signal)))
        const read = new AbortController()
        all.signal.addEventListener('abort', () => { read.abort() })
        const cutting = cutter.run(read.signal)
        // Whoever fails first ends the run; the others' ends are awaited below, not their errors.
        for (const part of [shipping, reading, cutting]) part.catch(() => {})
        try {
          await Promise.race([reading, cutting.then(() => reading), shipping])
          if (!all.signal.aborted) {
            read.abort()
            await cutting
            await cutter.drain()
            await Promise.race([uplink.drained(all.signal), shipping])
          }
        } finally {
          stop()
          read.abort()
          await Promise.allSettled([shipping, reading, cutting])
        }
        await cutting
        await shipping
        await reading
      } finally {
        signal.removeEventListener('abort', stop)
      }
    },
  }
}
