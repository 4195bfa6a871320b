import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import { acknowledgementSchema, topics, type Acknowledgement } from '../registry/domain/contract/batch.ts'
import { createBackoff } from './backoff.ts'
import { createBell, firstOf } from './bell.ts'
import type { DurableBuffer, QueuedBatch, Records } from './buffer/buffer.ts'
import { persistOnce, type Persist } from './disk-watch.ts'
import { openLink, type MqttAddress, type MqttLink } from './mqtt-link.ts'
import { packLengths } from './packet-lengths.ts'

/** What can wait until a start is over does. */
const CALM_MS = 60_000

export interface UplinkOptions {
  readonly buffer: DurableBuffer
  readonly site: string
  readonly gateway: string
  readonly mqtt: MqttAddress
  readonly log: Logger
  readonly tuning?: Partial<UplinkTuning>
  /** What else goes over the same connection. */
  readonly beside?: LinkUser
  /** Most bytes of batches a second; no limit unless told. */
  readonly bytesPerSec?: number
  /** At every acknowledgement that takes a batch out of the buffer; what is to be written with its removal. */
  readonly onAcknowledged?: (batch: QueuedBatch, acknowledgement: Acknowledgement) => Records | void
  /** What is to be written with the removal of a batch that the disk does not give back as it was written. */
  readonly onDamaged?: (batch: QueuedBatch) => Records
  /** How removals wait for a disk that takes no writes (they stay in the file then, and shipping goes on without them). */
  readonly persist?: Persist
  readonly random?: () => number
}

/** Shares the uplink's connection. */
export interface LinkUser {
  readonly hear: Readonly<Record<string, (payload: Uint8Array) => void>>
  /** There is a connection, until it is lost; the latter is told again with each vain try. */
  connected(link: MqttLink): void
  lost(reason: string): void
}

export interface UplinkTuning {
  /** Batches on their way at once, 8 unless told; what is on its way is held in memory. */
  readonly window: number
  /** Bytes on their way at once, 32 MiB unless told; one batch always goes. */
  readonly windowBytes: number
  /** Without an acknowledgement for so long, a batch is sent again, 20 s unless told; doubles with each try up to eightfold. */
  readonly acknowledgementTimeoutMs: number
  readonly reconnectFirstMs: number
  readonly reconnectMaxMs: number
  readonly connectTimeoutMs: number
  readonly keepaliveSeconds: number
}
const defaultTuning: UplinkTuning = {
  window: 8, windowBytes: 32 * 1024 * 1024, acknowledgementTimeoutMs: 20_000, reconnectFirstMs: 500, reconnectMaxMs: 30_000,
  connectTimeoutMs: 10_000, keepaliveSeconds: 15,
}

export interface UplinkStatus {
  readonly connected: boolean
  readonly inFlight: number
  readonly sent: number
  readonly resent: number
  readonly connections: number
  readonly lastError: string | null
  readonly acknowledged: Readonly<Record<Acknowledgement['status'], number>>
}

/** Ships queued batches, oldest first, several on their way at once; a batch leaves the buffer when the platform says it is safe. */
export interface Uplink {
  run(signal: AbortSignal): Promise<void>
  /** Resolves when the buffer holds no batch any more. */
  drained(signal: AbortSignal): Promise<void>
  /** Connects anew at once, as who we are is shown by something newer; nobody is told of an outage. */
  redial(): void
  status(): UplinkStatus
}

/** A batch whose removal is on the way to disk. */
interface Leaving {
  readonly key: number
  /** Rows that never shipped; null: the platform has them. */
  readonly lost: number | null
  readonly records: Records
}

interface Flight {
  readonly batch: QueuedBatch
  sentMs: number
  tries: number
}

export function createUplink(options: UplinkOptions): Uplink {
  const { buffer, site, gateway, mqtt, log, onAcknowledged, onDamaged, beside, bytesPerSec = Infinity, random = Math.random, persist = persistOnce } = options
  const tuning = { ...defaultTuning, ...options.tuning }
  const flights = new Map<string, Flight>()
  const progress = createBell()
  const counts = { sent: 0, resent: 0, connections: 0, acknowledged: { stored: 0, duplicate: 0, quarantined: 0 } }
  let lastError: string | null = null
  /** As the log has it since the last connection. */
  let toldError: string | null | undefined
  let connected = false
  let cursor = 0
  let leaving: Leaving[] = []
  let current: MqttLink | undefined
  let redialling = false
  let running = new AbortController().signal
  let removal: Promise<void> | undefined
  let failure: Error | undefined
  /** Bytes sent ahead of the bandwidth limit. */
  let owedBytes = 0
  let paidMs = performance.now()

  /** Milliseconds until the bandwidth limit lets the next batch go; 0 when it may. */
  function holdMs(): number {
    if (bytesPerSec === Infinity) return 0
    const now = performance.now()
    owedBytes = Math.max(0, owedBytes - ((now - paidMs) / 1000) * bytesPerSec)
    paidMs = now
    return (owedBytes / bytesPerSec) * 1000
  }

  const keyOf = ({ epoch, sequence }: { epoch: string; sequence: number }) => `${epoch}/${sequence}`
  const flightBytes = () => [...flights.values()].reduce((sum, { batch }) => sum + batch.byteLength, 0)

  function send(link: MqttLink, flight: Flight): boolean {
    const bytes = buffer.batchBytes(flight.batch.key)
    if (bytes === undefined) return false
    if (bytes === null) {
      log.error({ epoch: flight.batch.epoch, sequence: flight.batch.sequence, rows: flight.batch.count }, 'a batch cannot be read back from the disk; it is lost')
      leave({ key: flight.batch.key, lost: flight.batch.count, records: onDamaged?.(flight.batch) ?? [] })
      return false
    }
    link.publish(topics.batch(site, gateway), bytes)
    owedBytes += bytes.byteLength
    flight.sentMs = performance.now()
    flight.tries++
    counts.sent++
    if (flight.tries > 1) counts.resent++
    return true
  }

  /** Fills the window with the batches after the cursor; true when it has room for one that is not there yet. */
  function pump(link: MqttLink): boolean {
    let bytes = flightBytes()
    for (const batch of buffer.listBatches(cursor, Math.max(0, tuning.window - flights.size))) {
      if (flights.size > 0 && bytes + batch.byteLength > tuning.windowBytes) return false
      // Between epochs no number says which came first; the platform goes by what it had first.
      if ([...flights.values()].some((flight) => flight.batch.epoch !== batch.epoch)) return false
      if (holdMs() > 0) return false
      cursor = batch.key
      // Its acknowledgement has come and its removal is on the way to disk.
      if (leaving.some(({ key }) => key === batch.key)) continue
      const flight: Flight = { batch, sentMs: 0, tries: 0 }
      if (!send(link, flight)) continue
      flights.set(keyOf(batch), flight)
      bytes += batch.byteLength
    }
    return flights.size < tuning.window
  }

  function resendOverdue(link: MqttLink): void {
    const now = performance.now()
    for (const [key, flight] of flights) {
      const patience = tuning.acknowledgementTimeoutMs * 2 ** Math.min(flight.tries - 1, 3) * (1 + 0.2 * random())
      if (now - flight.sentMs < patience) continue
      log.warn({ epoch: flight.batch.epoch, sequence: flight.batch.sequence, tries: flight.tries }, 'no acknowledgement in time; sending the batch again')
      if (!send(link, flight)) flights.delete(key)
    }
  }

  function acknowledge(payload: Uint8Array): void {
    const acknowledgement = parse(payload)
    if (!acknowledgement) {
      log.warn('an acknowledgement that is not one was ignored')
      return
    }
    const flight = flightOf(acknowledgement)
    // Not ours now: a second answer to a batch sent twice, or one for another process under this gateway's name.
    if (!flight) return
    flights.delete(keyOf(flight.batch))
    counts.acknowledged[acknowledgement.status]++
    if (acknowledgement.status === 'quarantined') {
      log.error({ sequence: acknowledgement.sequence, code: acknowledgement.code, message: acknowledgement.message }, 'the platform quarantined a batch')
    }
    leave({ key: flight.batch.key, lost: null, records: onAcknowledged?.(flight.batch, acknowledgement) ?? [] })
    progress.ring()
  }

  function leave(one: Leaving): void {
    leaving.push(one)
    removal ??= removeLeaving()
  }

  /** A batch damaged on this disk has no header the platform could read; its answer names the bytes instead. */
  function flightOf({ epoch, sequence, digest }: Acknowledgement): Flight | undefined {
    if (sequence > 0) return flights.get(keyOf({ epoch, sequence }))
    return [...flights.values()].find(({ batch }) => {
      const bytes = buffer.batchBytes(batch.key)
      return bytes !== undefined && bytes !== null && createHash('sha256').update(bytes).digest('hex') === digest
    })
  }

  /** One transaction takes out all that was acknowledged while the former one was on its way to disk. */
  async function removeLeaving(): Promise<void> {
    try {
      while (leaving.length > 0) {
        const now = [...leaving]
        const keysOf = (some: readonly Leaving[]) => some.map(({ key }) => key)
        const acknowledged = now.filter(({ lost }) => lost === null)
        const damaged = now.filter(({ lost }) => lost !== null)
        if (acknowledged.length > 0) await persist(() => buffer.removeBatches(keysOf(acknowledged), together(acknowledged)), running)
        if (damaged.length > 0) await persist(() => buffer.dropBatches(keysOf(damaged), { rows: damaged.reduce((sum, { lost }) => sum + (lost ?? 0), 0), records: together(damaged) }), running)
        leaving = leaving.filter((one) => !now.includes(one))
      }
    } catch (error) {
      // Stopped before the disk took it: they ship again at the next start, and are duplicates there.
      if (!running.aborted) failure = error instanceof Error ? error : new Error(String(error))
    } finally {
      removal = undefined
      progress.ring()
    }
  }

  /** From one connection to its loss. Sends all that is unacknowledged, from the oldest on. */
  async function session(link: MqttLink, signal: AbortSignal): Promise<void> {
    flights.clear()
    cursor = 0
    let open = true
    const ended = link.closed.then((why) => {
      open = false
      lastError = why
      progress.ring()
    })
    try {
      while (open && !signal.aborted && !failure) {
        const hasRoom = pump(link)
        resendOverdue(link)
        const held = holdMs()
        await firstOf(signal, (inner) => [
          progress.wait(inner, held > 0 ? Math.min(held, tuning.acknowledgementTimeoutMs / 4) : tuning.acknowledgementTimeoutMs / 4),
          ...(hasRoom ? [buffer.waitForBatch(cursor, inner)] : []),
        ])
      }
    } finally {
      await link.end()
      await Promise.all([ended, removal])
    }
  }

  return {
    async run(signal) {
      running = signal
      pause(CALM_MS, undefined, { signal, ref: false }).then(() => packLengths(signal))
        .catch((error: unknown) => { if (!signal.aborted) log.warn({ err: error }, 'lengths of packets take more memory than they need') })
      const backoff = createBackoff({ firstMs: tuning.reconnectFirstMs, maxMs: tuning.reconnectMaxMs, random })
      while (!signal.aborted) {
        try {
          const link = await openLink({
            address: mqtt, clientId: `twinward-${gateway}-${buffer.epoch}`, hear: { [topics.acknowledgement(site, gateway)]: acknowledge, ...beside?.hear },
            connectTimeoutMs: tuning.connectTimeoutMs, keepaliveSeconds: tuning.keepaliveSeconds, signal,
          })
          current = link
          connected = true
          counts.connections++
          lastError = null
          const openedMs = performance.now()
          toldError = undefined
          log.info('connected to the broker')
          beside?.connected(link)
          await session(link, signal)
          current = undefined
          if (redialling && !failure && !signal.aborted) {
            redialling = false
            continue
          }
          // A connection that the broker ends at once is a failed one: only one that held begins anew with short waits.
          if (performance.now() - openedMs > 5_000) backoff.reset()
        } catch (error) {
          lastError = error instanceof Error ? error.message : String(error)
        }
        connected = false
        beside?.lost(lastError ?? 'the connection ended')
        if (failure) throw failure
        if (signal.aborted) return
        const waitMs = backoff.next()
        // A day without a connection is not worth a thousand lines that say the same.
        log[lastError === toldError ? 'debug' : 'warn']({ reason: lastError, waitMs: Math.round(waitMs) }, 'no connection to the broker; readings stay in the buffer')
        toldError = lastError
        await createBell().wait(signal, waitMs)
      }
    },
    redial() {
      if (!current) return
      redialling = true
      void current.end()
    },
    async drained(signal) {
      while (!signal.aborted && buffer.stats().batches > 0) await progress.wait(signal)
    },
    status: () => ({ ...counts, acknowledged: { ...counts.acknowledged }, connected, inFlight: flights.size, lastError }),
  }
}

function parse(payload: Uint8Array): Acknowledgement | undefined {
  try {
    const result = acknowledgementSchema.safeParse(JSON.parse(Buffer.from(payload).toString('utf8')))
    return result.success ? result.data : undefined
  } catch {
    return undefined
  }
}

const together = (some: readonly Leaving[]): Records => () => some.flatMap(({ records }) => (typeof records === 'function' ? records() : records))
