import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pino from 'pino'
import { openLmdbBuffer } from '../../edge/buffer/lmdb-buffer.ts'
import { createGateway } from '../../edge/gateway.ts'
import type { ReadingsBlock } from '../../edge/raw-entry.ts'
import type { Source } from '../../edge/source.ts'
import type { Pool } from '../../registry/store/pool.ts'
import { inSite } from '../../registry/store/transaction.ts'
import type { MqttConnection } from '../config.ts'
import { waitFor } from '../demo/wait.ts'
import type { Platform } from '../platform.ts'
import { roundsOf } from './edge-load.ts'
import { benchSite, gatewayOf, tagKeysOf } from './workload.ts'

const tagKeys = tagKeysOf('edge')
const ROUNDS = 15_000
const ROUNDS_PER_BLOCK = 250
const SECOND_US = 1_000_000

/** The same path against the platform: source → buffer → broker → committed scores. */
export async function wholePathRate(platform: Platform, pool: Pool, startUs: number): Promise<number> {
  const started = performance.now()
  await runGateway(platform.connections.mqtt, startUs)
  await waitFor('the whole path', () => inSite(pool, benchSite, async (tx) => {
    const { rows } = await tx.query<{ waiting: string }>("select count(*) as waiting from raw_batch where gateway_id = $1 and windows_closed_at is null and state <> 'quarantined'", [gatewayOf('edge')])
    return rows[0]?.waiting === '0'
  }), 300_000, 20)
  return (ROUNDS * tagKeys.length) / ((performance.now() - started) / 1000)
}

async function runGateway(address: MqttConnection, startUs: number): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'twinward-bench-edge-'))
  const buffer = await openLmdbBuffer({ directory })
  try {
    const gateway = createGateway({ site: benchSite, gateway: gatewayOf('edge'), buffer, sources: [steadySource(startUs)], mqtt: address, cut: { rows: 50_000 }, log: pino({ level: 'silent' }) })
    await gateway.run(new AbortController().signal)
  } finally {
    await buffer.close()
    await rm(directory, { recursive: true, force: true })
  }
}

/** All tags at 1 Hz, as fast as the buffer takes them. */
function steadySource(startUs: number): Source {
  return {
    id: 'bench', mode: 'live',
    map: { version: 1, tags: tagKeys.map((tag) => ({ address: tag, tag, kind: 'scalar', unit: '1', canonicalUnit: '1', scale: 1, offset: 0 })) },
    async run(outlet, signal) {
      for (let round = 0; round < ROUNDS && !signal.aborted; round += ROUNDS_PER_BLOCK) {
        const end = Math.min(ROUNDS, round + ROUNDS_PER_BLOCK)
        await outlet.deliver({ blocks: [blockOf(round, end, startUs)], completeThroughUs: startUs + (end - 1) * SECOND_US })
      }
    },
  }
}

const blockOf = (from: number, to: number, startUs: number): ReadingsBlock =>
  roundsOf({ addresses: tagKeys, firstRound: from, rounds: to - from, startUs, valueOf: (round, tag) => 50 + tag + ((round * 7919 + tag) % 1000) / 1000 })
