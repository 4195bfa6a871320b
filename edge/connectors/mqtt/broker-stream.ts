import net from 'node:net'
import { Transform, type TransformCallback } from 'node:stream'
import tls from 'node:tls'

export interface BrokerStreamOptions {
  readonly url: string
  /** PEM. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** Bytes of a message that are of any use. */
  readonly maxPayload: number
}

/**
 * The connection to a broker. MQTT 3.1.1 lets a message have 256 MB, and MQTT.js gathers all of it before anybody is asked:
 * so what is read passes through a guard that cuts messages to a little more than `maxPayload`, enough to see that they are too large.
 */
export function openBrokerStream({ url, maxPayload, ...secure }: BrokerStreamOptions): net.Socket {
  const { protocol, hostname, port } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  const socket = protocol === 'mqtts:'
    ? tls.connect({ host, port: Number(port || 8883), ...(net.isIP(host) === 0 && { servername: host }), ...secure })
    : net.connect({ host, port: Number(port || 1883) })
  const pipe = socket.pipe.bind(socket)
  socket.pipe = (destination, options) => {
    const guard = createPublishGuard(maxPayload)
    // Its one error is a stream that is no MQTT.
    guard.on('error', (error) => { socket.destroy(error) })
    pipe(guard).pipe(destination, options)
    return destination
  }
  return socket
}

const PUBLISH = 3
const LENGTH_BYTES = 4
/** The longest topic with its length, and the packet's number. */
const MOST_HEAD = 2 + 65_535 + 2

/** Passes MQTT packets on as they are, but for a PUBLISH that is too long: of it only the beginning, as a packet of its own right. */
export function createPublishGuard(maxPayload: number): Transform {
  const keep = maxPayload + MOST_HEAD + 1
  let head: number[] = []
  let passing = 0
  let dropping = 0

  function transform(this: Transform, chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    let at = 0
    while (at < chunk.byteLength) {
      if (passing > 0) {
        const part = chunk.subarray(at, at + passing)
        this.push(part)
        passing -= part.byteLength
        at += part.byteLength
      } else if (dropping > 0) {
        const skipped = Math.min(dropping, chunk.byteLength - at)
        dropping -= skipped
        at += skipped
      } else {
        const byte = chunk[at++] ?? 0
        head.push(byte)
        if (head.length === 1 || (byte & 0x80) !== 0) {
          if (head.length <= LENGTH_BYTES) continue
          done(new Error('what the broker sends is no MQTT'))
          return
        }
        const [kind = 0, ...digits] = head
        const length = digits.reduce((sum, digit, i) => sum + (digit & 0x7f) * 128 ** i, 0)
        head = []
        passing = kind >> 4 === PUBLISH ? Math.min(length, keep) : length
        dropping = length - passing
        this.push(Buffer.from([kind, ...lengthOf(passing)]))
      }
    }
    done()
  }
  return new Transform({ transform })
}

function lengthOf(value: number): number[] {
  const digits: number[] = []
  let rest = value
  do {
    digits.push((rest % 128) | (rest >= 128 ? 0x80 : 0))
    rest = Math.floor(rest / 128)
  } while (rest > 0)
  return digits
}
