import { createTurns } from '../../turns.ts'
import { afterInput, type ClientOptions, type Closed, type ModbusClient } from './client.ts'
import type { Line, OpenLine } from './line.ts'
import { readAnswer, type Answer, type ModbusRequest } from './pdu.ts'
import { findRtuAnswer, rtuRequest } from './rtu.ts'

/** The longest frame there is, twice: the rest of one that was not ours, and ours. */
const KEPT_BYTES = 512
/** After a failure the line must be silent for this long: a late answer should not meet the next question. */
const DRAIN_MS = 30

const pause = (ms: number) => new Promise<void>((resolve) => { setTimeout(resolve, ms) })

/**
 * RTU frames, over a serial line or a TCP connection to one. They carry no number that ties an answer to its question, so
 * one request is under way at a time, and what comes while none is, is thrown away.
 */
export async function openRtuClient(openLine: OpenLine, options: ClientOptions, signal: AbortSignal): Promise<ModbusClient> {
  const { timeoutMs, pauseMs, counters, nowUs, onLost } = options
  const take = createTurns(1)
  let open: { request: ModbusRequest; settle: (answer: Answer | Closed) => void } | null = null
  let bytes: Uint8Array = new Uint8Array(0)
  let lastByteMs = -Infinity
  let failed = false
  let closed: string | null = null

  const lose = (why: string, tell: boolean) => {
    if (closed !== null) return
    closed = why
    line.close()
    if (tell) onLost(why)
    open?.settle({ kind: 'closed', why })
  }

  const line: Line = await openLine({
    data(chunk) {
      lastByteMs = performance.now()
      if (!open) {
        counters.unexpected += 1
        return
      }
      bytes = Uint8Array.from(Buffer.concat([bytes, chunk.subarray(-KEPT_BYTES)]).subarray(-KEPT_BYTES))
      const found = findRtuAnswer(bytes, open.request)
      if (!found) return
      if (found.strayBytes > 0) counters.unexpected += 1
      open.settle(readAnswer(open.request, found.pdu, nowUs()))
    },
    closed: (why) => { lose(why, true) },
  }, signal)
  counters.connections += 1

  /** False when the line does not come to rest. */
  const quiet = async () => {
    const silenceMs = failed ? Math.max(pauseMs, DRAIN_MS) : pauseMs
    const giveUpMs = performance.now() + timeoutMs + silenceMs
    for (;;) {
      const nowMs = performance.now()
      const leftMs = lastByteMs + silenceMs - nowMs
      if (leftMs <= 0 || closed !== null) return true
      if (nowMs >= giveUpMs) return false
      await pause(leftMs)
    }
  }

  const exchange = (request: ModbusRequest) => new Promise<Answer | Closed>((resolve) => {
    const timer = afterInput(timeoutMs, () => {
      settle(bytes.length === 0 ? { kind: 'timeout' } : {
        kind: 'malformed', why: `${bytes.length} bytes came, but no answer with a right check sum; compare baud rate and parity, and look at cable and termination`,
      })
    })
    const settle = (outcome: Answer | Closed) => {
      timer.clear()
      open = null
      bytes = new Uint8Array(0)
      failed = outcome.kind === 'timeout' || outcome.kind === 'malformed'
      resolve(outcome)
    }
    open = { request, settle }
    counters.requests += 1
    line.send(rtuRequest(request))
  })

  return {
    async ask(request) {
      const giveBack = await take()
      try {
        const rested = await quiet()
        if (closed !== null) return { kind: 'closed', why: closed }
        return rested ? await exchange(request) : { kind: 'malformed', why: 'the line is never silent; does another master talk on it?' }
      } finally {
        giveBack()
      }
    },
    close: () => { lose('closed', false) },
  }
}
