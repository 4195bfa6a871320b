/**
 * MQTT 3.1.1 as it comes in over a connection (OASIS standard of 2014, section 2): packet after packet, each told when
 * as much of it is there as the judge needs. Of a PUBLISH that is its topic; the rest passes on as it comes, so that no batch
 * is ever held whole. All other packets are short, and are given whole.
 */
export interface FrameHandler {
  /** A whole packet, its header included. */
  packet(type: number, bytes: Buffer): void
  /** A PUBLISH to this topic begins; what is given to `body` follows it. */
  publish(topic: string): void
  /** A stretch of a PUBLISH, its header included. */
  body(bytes: Buffer): void
}

export interface FrameLimits {
  /** Of a packet that is no PUBLISH, bytes. */
  readonly packet: number
  /** Of a PUBLISH. */
  readonly publish: number
  readonly topic: number
}

export const PUBLISH = 3
/** Header and the four digits of a length. */
const MOST_HEAD = 5

/**
 * Reads a stream of packets. Throws an Error where it is no MQTT, or a packet is over its limit: nothing that follows can
 * be told apart then.
 */
export function createFrames(handler: FrameHandler, limits: FrameLimits): { read(chunk: Buffer): void } {
  /** Of a packet that is not all there: what has come of it. */
  let held: Buffer = Buffer.alloc(0)
  /** Of a PUBLISH whose topic was told: bytes that are still to come. */
  let passing = 0

  /** Bytes of the first packet in `held` that are dealt with; 0 when more must come first. */
  function step(): number {
    const head = headOf(held)
    if (head === undefined) return 0
    const whole = head.bytes + head.length
    const isPublish = head.type === PUBLISH
    if (whole > (isPublish ? limits.publish : limits.packet)) throw new Error(`a packet of ${whole} bytes is over the limit`)
    if (!isPublish) {
      if (held.length < whole) return 0
      handler.packet(head.type, held.subarray(0, whole))
      return whole
    }
    if (head.length < 2) throw new Error('a PUBLISH without a topic')
    if (held.length < head.bytes + 2) return 0
    const topicBytes = held.readUInt16BE(head.bytes)
    if (topicBytes > limits.topic || topicBytes + 2 > head.length) throw new Error(`a topic of ${topicBytes} bytes is over the limit`)
    if (held.length < head.bytes + 2 + topicBytes) return 0
    handler.publish(held.toString('utf8', head.bytes + 2, head.bytes + 2 + topicBytes))
    const there = Math.min(whole, held.length)
    handler.body(held.subarray(0, there))
    passing = whole - there
    return there
  }

  return {
    read(chunk) {
      let rest = chunk
      if (passing > 0) {
        const part = rest.subarray(0, passing)
        passing -= part.length
        handler.body(part)
        rest = rest.subarray(part.length)
      }
      held = held.length === 0 ? rest : Buffer.concat([held, rest])
      while (held.length > 0) {
        const done = step()
        if (done === 0) return
        held = held.subarray(done)
      }
    },
  }
}

/** The fixed header (2.2); undefined while it is not all there. */
function headOf(bytes: Buffer): { type: number; bytes: number; length: number } | undefined {
  let length = 0
  for (let at = 1; at < bytes.length; at++) {
    const digit = bytes[at] ?? 0
    length += (digit & 0x7f) * 128 ** (at - 1)
    if ((digit & 0x80) === 0) return { type: (bytes[0] ?? 0) >> 4, bytes: at + 1, length }
    if (at === MOST_HEAD - 1) throw new Error('a length that does not end: this is no MQTT')
  }
  return undefined
}
