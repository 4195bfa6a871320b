import type { Socket } from 'node:net'
import { generate, parser, type IConnectPacket, type ISubscribePacket, type Packet } from 'mqtt-packet'
import { DomainError, refuse } from '../../registry/domain/errors.ts'
import { mayPublish, maySubscribe, type GatewayName } from '../../registry/domain/identity/topic-rule.ts'
import { maxMessageBytes } from '../dev/mqtt-limits.ts'
import { createFrames } from './frames.ts'

/** What a gateway may say, by the type of its packet; all else is a client of another kind. */
const CONNECT = 1
const SUBSCRIBE = 8
const PASSED = new Set([4, 5, 6, 7, 10, 12, 14])
const LIMITS = { packet: 16_384, publish: maxMessageBytes + 1_024, topic: 512 }
/** CONNACK's return codes (3.2.2.3). */
const NOT_AUTHORIZED = 5
const UNAVAILABLE = 3
const CONNECT_WITHIN_MS = 10_000
const CLOSE_WITHIN_MS = 1_000
/** Seconds: whoever says nothing for longer is gone, and the broker ends the session. */
const KEEPALIVE = { usual: 60, most: 300 }

/** What the session's gateway says of itself as it connects. */
export interface Greeting {
  /** Of its buffer, as its client id tells. */
  readonly epoch: string | null
  readonly clientId: string
}

export interface SessionOptions {
  /** The gateway's side, after its handshake. */
  readonly near: Socket
  readonly of: GatewayName
  /** A connection to the platform's broker, not yet greeted. */
  readonly openFar: () => Socket
  readonly credentials: { readonly username?: string; readonly password?: string }
  /** Asked once it has greeted; rejects to turn it away. */
  readonly admit: (greeting: Greeting) => Promise<void>
  /** A packet came. */
  readonly onActivity: () => void
  /** It asked for what it may not, or is not let in. */
  readonly onRefused: (refusal: DomainError) => void
  /** The platform's side failed. */
  readonly onFailed: (error: unknown) => void
}

export interface Session {
  /** Resolves when both sides are closed; says whether the gateway closed its own, which the half-open rest of a lost connection never does. */
  readonly ended: Promise<'closed' | 'cut'>
  end(): void
}

/**
 * Stands between a gateway and the platform's broker: passes packets on, as fast as the slower side takes them, and looks at
 * each before it does. Holds no message, no queue and no state of a subscription: whatever is lost with it is sent again by
 * who waits for the platform's own acknowledgement.
 */
export function startSession({ near, of, openFar, credentials, admit, onActivity, onRefused, onFailed }: SessionOptions): Session {
  let far: Socket | undefined
  /** What came with the CONNECT, before there was anybody to pass it to: one chunk, as reading stops then. */
  let early: Buffer[] = []
  let answered = false
  let greeted = false
  let over = false
  let close: (how: 'closed' | 'cut') => void = () => {}
  const ended = new Promise<'closed' | 'cut'>((resolve) => { close = resolve })
  const late = setTimeout(() => { end() }, CONNECT_WITHIN_MS)

  function end(): void {
    if (over) return
    over = true
    clearTimeout(late)
    // What is on its way to either side still goes there.
    near.end()
    far?.end()
    // Nothing more is taken; but a side that is not read would not be seen to close.
    near.resume()
    far?.resume()
    const finish = (how: 'closed' | 'cut') => {
      clearTimeout(cut)
      near.destroy()
      far?.destroy()
      close(how)
    }
    const cut = setTimeout(() => { finish('cut') }, CLOSE_WITHIN_MS)
    if (near.closed) finish('closed')
    else near.once('close', () => { finish('closed') })
  }

  /** Writes to the broker; the gateway is not read while that is full. */
  function pass(bytes: Buffer): void {
    if (far === undefined) early.push(bytes)
    else if (far.writable && !far.write(bytes)) near.pause()
  }

  function turnAway(returnCode: number): void {
    if (!over && !answered) near.write(generate({ cmd: 'connack', returnCode, sessionPresent: false }))
    end()
  }

  async function greet(bytes: Buffer): Promise<void> {
    const packet = parse(bytes) as IConnectPacket
    if (packet.protocolVersion !== 4) refuse('unprocessable', 'This is not MQTT 3.1.1; twinward-edge speaks that.', { fault: 'protocol', ...of })
    if (packet.will !== undefined) refuse('forbidden', 'A last will is not passed on; leave it out.', { fault: 'will', ...of })
    // What comes before it is let in waits in the kernel.
    near.pause()
    await admit({ clientId: packet.clientId, epoch: /-([0-9a-f]{16})$/.exec(packet.clientId)?.[1] ?? null })
    if (over) return
    clearTimeout(late)
    far = openFar()
    const opened = far
    opened.on('error', (error) => {
      onFailed(error)
      turnAway(UNAVAILABLE)
    })
    opened.on('close', () => { turnAway(UNAVAILABLE) })
    opened.on('data', (chunk: Buffer) => {
      answered = true
      if (!near.write(chunk)) opened.pause()
    })
    opened.on('drain', () => { near.resume() })
    near.on('drain', () => { opened.resume() })
    opened.write(generate({
      cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: Math.min(packet.keepalive || KEEPALIVE.usual, KEEPALIVE.most), clientId: nameAtBroker(of),
      ...(credentials.username !== undefined && { username: credentials.username }),
      ...(credentials.password !== undefined && { password: Buffer.from(credentials.password) }),
    }))
    for (const bytes of early) opened.write(bytes)
    early = []
    near.resume()
  }

  function subscribe(bytes: Buffer): void {
    const { subscriptions, messageId } = parse(bytes) as ISubscribePacket
    const strange = subscriptions.filter(({ topic }) => !maySubscribe(of, topic))
    if (strange.length === 0) {
      pass(bytes)
      return
    }
    onRefused(new DomainError('forbidden', `Gateway ${of.gateway} of site ${of.site} may not subscribe to ${strange[0]?.topic.slice(0, 200) ?? ''}: it may hear answers to itself alone. Its site file says another site or gateway than its certificate.`, { fault: 'topic', ...of }))
    near.write(generate({ cmd: 'suback', messageId: messageId ?? 0, granted: subscriptions.map(() => 0x80) }))
  }

  const frames = createFrames({
    packet(type, bytes) {
      onActivity()
      if (!greeted) {
        if (type !== CONNECT) throw new Error('the first packet is no CONNECT')
        greeted = true
        greet(bytes).catch((error: unknown) => {
          if (error instanceof DomainError) onRefused(error)
          else onFailed(error)
          turnAway(error instanceof DomainError && error.code !== 'unavailable' ? NOT_AUTHORIZED : UNAVAILABLE)
        })
        return
      }
      if (type === SUBSCRIBE) subscribe(bytes)
      else if (PASSED.has(type)) pass(bytes)
      else throw new Error(`a packet of type ${type}, which no gateway sends`)
    },
    publish(topic) {
      onActivity()
      if (!greeted) throw new Error('the first packet is no CONNECT')
      if (!mayPublish(of, topic)) refuse('forbidden', `Gateway ${of.gateway} of site ${of.site} may not publish to ${topic.slice(0, 200)}: its certificate is for its own batches and reports alone. Its site file says another site or gateway than its certificate.`, { fault: 'topic', ...of })
    },
    body: pass,
  }, LIMITS)

  near.on('data', (chunk: Buffer) => {
    if (over) return
    try {
      frames.read(chunk)
    } catch (error) {
      onRefused(error instanceof DomainError ? error : new DomainError('contract_broken', `What came is no MQTT of a gateway: ${error instanceof Error ? error.message : String(error)}.`, { fault: 'protocol', ...of }))
      end()
    }
  })
  near.on('error', () => { end() })
  near.on('close', () => { end() })
  return { ended, end }
}

let sessions = 0
/** A name of each session's own: at the broker one may not push another out. */
const nameAtBroker = ({ site, gateway }: GatewayName): string => `door-${process.pid}-${++sessions}-${site}-${gateway}`

function parse(bytes: Buffer): Packet {
  let found: Packet | undefined
  const reader = parser({ protocolVersion: 4 })
  reader.on('packet', (packet) => { found = packet })
  reader.on('error', (error) => { throw error })
  reader.parse(bytes)
  if (found === undefined) throw new Error('a packet that cannot be read')
  return found
}
