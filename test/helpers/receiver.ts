import { createHash } from 'node:crypto'
import { connectAsync, type MqttClient } from 'mqtt'
import type { MqttAddress } from '../../edge/mqtt-link.ts'
import { decodeBatch, type DecodedBatch } from '../../registry/domain/codec/decode.ts'
import { topics, type Acknowledgement } from '../../registry/domain/contract/batch.ts'

export interface ReceivedBatch {
  readonly batch: DecodedBatch
  readonly digest: string
  readonly byteLength: number
  /** When it came first, UTC microseconds. */
  readonly firstUs: number
  /** How many times it came. */
  times: number
}

/** What the receiver does with the nth arrival (from 1) of a batch. */
export type Answer = 'stored' | 'quarantined' | 'unreadable' | 'drop' | { readonly afterMs: number }

/** Stands in for the landing zone: keeps every batch by (epoch, sequence) and answers as the test wants. */
export interface Receiver {
  readonly batches: Map<string, ReceivedBatch>
  readonly arrivals: string[]
  answer: (key: string, arrival: number) => Answer
  close(): Promise<void>
}

export async function startReceiver({ url, ...user }: MqttAddress, site: string, gateway: string): Promise<Receiver> {
  const batches = new Map<string, ReceivedBatch>()
  const arrivals: string[] = []
  const client: MqttClient = await connectAsync(url, { ...user, reconnectPeriod: 20, protocolVersion: 4 })
  await client.subscribeAsync(topics.batch(site, gateway), { qos: 1 })

  const receiver: Receiver = { batches, arrivals, answer: () => 'stored', close: () => client.endAsync(true) }
  client.on('message', (_topic, payload) => {
    const bytes = new Uint8Array(payload)
    const digest = createHash('sha256').update(bytes).digest('hex')
    const batch = decodeBatch(bytes)
    const { epoch, sequence } = batch.header
    const key = `${epoch}/${sequence}`
    const known = batches.get(key)
    if (known && known.digest !== digest) throw new Error(`batch ${key} came twice with different bytes`)
    const received = known ?? { batch, digest, byteLength: bytes.byteLength, firstUs: Date.now() * 1000, times: 0 }
    received.times++
    batches.set(key, received)
    arrivals.push(key)
    const answer = receiver.answer(key, received.times)
    if (answer === 'drop') return
    // As the landing zone answers bytes whose header it cannot read: only their digest says which batch is meant.
    const unreadable = answer === 'unreadable'
    const acknowledgement: Acknowledgement = {
      gateway, epoch: unreadable ? '' : epoch, sequence: unreadable ? 0 : sequence, digest, status: answer === 'quarantined' || unreadable ? 'quarantined' : known ? 'duplicate' : 'stored',
      code: answer === 'quarantined' || unreadable ? 'contract_broken' : null, message: null, receivedUs: Date.now() * 1000,
    }
    const send = () => { client.publish(topics.acknowledgement(site, gateway), JSON.stringify(acknowledgement), { qos: 1 }) }
    if (typeof answer === 'object') setTimeout(send, answer.afterMs)
    else send()
  })
  return receiver
}

/** Every scalar reading that arrived, as `tag time raw value quality`, sorted; batches counted once each. */
export function readingsOf(receiver: Receiver): string[] {
  const out: string[] = []
  for (const { batch } of receiver.batches.values()) {
    if (batch.kind !== 'readings') continue
    const { tags, tag, sourceUs, raw, value, quality } = batch.columns
    for (let i = 0; i < tag.length; i++) out.push(`${tags[tag[i] ?? -1]} ${sourceUs[i]} ${raw[i]} ${value[i]} ${quality[i]}`)
  }
  return out.sort()
}
