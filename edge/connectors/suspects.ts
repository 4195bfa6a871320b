import type { Logger } from 'pino'

/** Messages that could not be read: the last few are kept for whoever looks, the log hears of some. */
export interface Suspects {
  note(topic: string, payload: Uint8Array, why: string): void
  /** A later message of the topic was all right. */
  settle(topic: string): void
  /** Of topics whose last message could not be read; null when there are none. */
  describe(): string | null
  /** The last raw payloads, newest last, whatever became of their topics. */
  readonly kept: readonly Suspect[]
}

export interface Suspect { readonly topic: string; readonly why: string; readonly start: string; readonly bytes: number }

const KEPT = 10
const START_BYTES = 200
const SHOWN = 3
const TOPICS = 1_000
const LOG_EVERY_MS = 60_000

export function createSuspects(log: Logger, nowMs: () => number): Suspects {
  const kept: Suspect[] = []
  const troubled = new Map<string, Suspect>()
  let loggedMs = -Infinity
  let unlogged = 0
  return {
    kept,
    note(topic, payload, why) {
      const suspect = { topic, why: why.slice(0, START_BYTES), start: readable(payload), bytes: payload.byteLength }
      kept.push(suspect)
      if (kept.length > KEPT) kept.shift()
      troubled.delete(topic)
      troubled.set(topic, suspect)
      const [first] = troubled.keys()
      if (troubled.size > TOPICS && first !== undefined) troubled.delete(first)
      unlogged++
      if (nowMs() - loggedMs < LOG_EVERY_MS) return
      log.warn({ ...suspect, sinceLastTime: unlogged }, 'a message could not be read')
      loggedMs = nowMs()
      unlogged = 0
    },
    settle(topic) { troubled.delete(topic) },
    describe() {
      if (troubled.size === 0) return null
      const shown = [...troubled.values()].slice(-SHOWN).reverse().map(({ topic, why, start, bytes }) => `${topic}: ${why} (${bytes} bytes: ${start})`)
      return `messages that cannot be read: ${shown.join('; ')}${troubled.size > SHOWN ? `; and ${troubled.size - SHOWN} more topics` : ''}`
    },
  }
}

/** Text as it is, anything else in hex. */
function readable(payload: Uint8Array): string {
  const start = Buffer.from(payload.subarray(0, START_BYTES))
  // A character may have been cut in two at the end.
  const text = start.toString('utf8').replace(payload.byteLength > START_BYTES ? /\uFFFD$/ : '', '').replaceAll(/\s+/g, ' ')
  return /^[^\p{C}\uFFFD]*$/u.test(text) ? text : start.subarray(0, START_BYTES / 4).toString('hex')
}
