import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import mqtt from 'mqtt'
import pino from 'pino'
import { openLmdbBuffer } from '../../edge/buffer/lmdb-buffer.ts'
import { createGateway } from '../../edge/gateway.ts'
import type { ReadingsBlock } from '../../edge/raw-entry.ts'
import type { Source } from '../../edge/source.ts'
import { peekHeader } from '../../registry/domain/codec/decode.ts'
import { acknowledgementSchema, topics } from '../../registry/domain/contract/batch.ts'
import type { Pool } from '../../registry/store/pool.ts'
import { inSite } from '../../registry/store/transaction.ts'
import type { MqttConnection } from '../config.ts'
import { waitFor } from '../demo/wait.ts'
import type { Platform } from '../platform.ts'
import { benchSite, benchTagKeys } from './workload.ts'

const ROUNDS = 15_000
const ROUNDS_PER_BLOCK = 250
const SECOND_US = 1_000_000

/** Readings a second from a source through the durable buffer to acknowledged, by a receiver that acknowledges at once. */
export async function gatewayRate(address: MqttConnection): Promise<number> {
  // A site of its own, so that the platform's landing zone has no part in it: it would quarantine and answer too.
  const site = 'bench-instant'
  const receiver = await mqtt.connectAsync(address.url, { protocolVersion: 4, ...credentials(address) })
  receiver.on('message', (topic, payload) => {
    const { gateway, epoch, sequence } = peekHeader(payload)
    const answer = acknowledgementSchema.parse({ gateway, epoch, sequence, status: 'stored', code: null, message: null, receivedUs: Date.now() * 1000 })
    receiver.publish(topics.acknowledgement(site, gateway), JSON.stringify(answer), { qos: 1 })
  })
  await receiver.subscribeAsync(topics.batch(site, 'bench-edge'), { qos: 1 })
  try {
    return await runGateway(address, site, Date.now() * 1000 - ROUNDS * SECOND_US)
  } finally {
    await receiver.endAsync()
  }
}

/** The same gateway against the platform: source → buffer → broker → committed scores. */
export async function wholePathRate(platform: Platform, pool: Pool, startUs: number): Promise<number> {
  const started = performance.now()
  await runGateway(platform.connections.mqtt, benchSite, startUs)
  await waitFor('the whole path', () => inSite(pool, benchSite, async (tx) => {
    const { rows } = await tx.query<{ waiting: string }>("select count(*) as waiting from raw_batch where gateway_id = 'bench-edge' and windows_closed_at is null and state <> 'quarantined'")
    return rows[0]?.waiting === '0'
  }), 300_000, 20)
  return (ROUNDS * benchTagKeys.length) / ((performance.now() - started) / 1000)
}

async function runGateway(address: MqttConnection, site: string, startUs: number): Promise<number> {
  const directory = await mkdtemp(path.join(tmpdir(), 'twinward-bench-edge-'))
  const buffer = await openLmdbBuffer({ directory })
  try {
    const gateway = createGateway({ site, gateway: 'bench-edge', buffer, sources: [steadySource(startUs)], mqtt: address, log: pino({ level: 'silent' }) })
    const started = performance.now()
    await gateway.run(new AbortController().signal)
    return (ROUNDS * benchTagKeys.length) / ((performance.now() - started) / 1000)
  } finally {
    await buffer.close()
    await rm(directory, { recursive: true, force: true })
  }
}

/** All tags at 1 Hz, as fast as the buffer takes them. */
function steadySource(startUs: number): Source {
  return {
    id: 'bench', mode: 'live',
    map: { version: 1, tags: benchTagKeys.map((tag) => ({ address: tag, tag, kind: 'scalar', unit: '1', canonicalUnit: '1', scale: 1, offset: 0 })) },
    async run(outlet, signal) {
      for (let round = 0; round < ROUNDS && !signal.aborted; round += ROUNDS_PER_BLOCK) {
        const end = Math.min(ROUNDS, round + ROUNDS_PER_BLOCK)
        await outlet.deliver({ blocks: [blockOf(round, end, startUs)], completeThroughUs: startUs + (end - 1) * SECOND_US })
      }
    },
  }
}

function blockOf(from: number, to: number, startUs: number): ReadingsBlock {
  const tags = benchTagKeys.length
  const n = (to - from) * tags
  const block = { kind: 'readings' as const, addresses: benchTagKeys, address: new Uint16Array(n), sourceUs: new Float64Array(n), raw: new Float64Array(n), quality: new Uint16Array(n) }
  for (let i = 0, round = from; round < to; round++) {
    for (let tag = 0; tag < tags; tag++, i++) {
      block.address[i] = tag
      block.sourceUs[i] = startUs + round * SECOND_US
      block.raw[i] = 50 + tag + ((round * 7919 + tag) % 1000) / 1000
    }
  }
  return block
}

const credentials = ({ username, password }: MqttConnection) => ({ ...(username !== undefined && { username }), ...(password !== undefined && { password }) })
