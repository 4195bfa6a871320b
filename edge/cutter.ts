import { randomBytes } from 'node:crypto'
import { encodeReadings, encodeWaveforms } from '../registry/domain/codec/encode.ts'
import { laneOf, type BatchHeader, type Mode } from '../registry/domain/contract/batch.ts'
import { CONTRACT_VERSION } from '../registry/domain/contract/primitives.ts'
import type { WaveformRow } from '../registry/domain/contract/reading.ts'
import { refuse } from '../registry/domain/errors.ts'
import { createBell, firstOf } from './bell.ts'
import type { DurableBuffer } from './buffer/buffer.ts'
import { createNormaliser, type Normaliser } from './normalise.ts'
import { blockCount, decodeRawBlock, type RawBlock } from './raw-entry.ts'
import { sortReadings, type NormalBlock } from './sort-readings.ts'
import { tagMapSchema } from './tag-map.ts'
import { createWatermark, type WatermarkState } from './watermark.ts'

export interface CutLimits {
  /** Readings in a batch, 50,000 unless told. */
  readonly rows: number
  /** Samples in a batch of waveforms, 500,000 unless told. */
  readonly samples: number
  /** Longest a reading waits for others to share its batch, 1,000 ms unless told. */
  readonly waitMs: number
}
export const defaultCutLimits: CutLimits = { rows: 50_000, samples: 500_000, waitMs: 1_000 }

export interface CutterOptions {
  readonly buffer: DurableBuffer
  readonly site: string
  readonly gateway: string
  readonly sources: readonly { id: string; mode: Mode }[]
  readonly limits: CutLimits
  /** UTC microseconds. */
  readonly nowUs: () => number
}

/** What waits to become one batch: one kind, one mode, one tag map, as a header can name only one of each. */
interface Group {
  readonly kind: 'readings' | 'waveforms'
  readonly mode: Mode
  readonly normaliser: Normaliser
  readonly ids: number[]
  readonly blocks: NormalBlock[]
  readonly waves: WaveformRow[]
  /** Readings, or samples of waveforms. */
  weight: number
  readonly openedMs: number
}

const READ_BYTES = 4 * 1024 * 1024

/** Turns raw entries of the buffer into queued batches, in the buffer's order. One cutter per buffer. */
export interface Cutter {
  /** Cuts batches as they fill or come due, until the signal aborts; what is open then stays raw, on disk. */
  run(signal: AbortSignal): Promise<void>
  /** Cuts all there is now, full or not. Not while `run` runs. */
  drain(): Promise<void>
}

export function createCutter({ buffer, site, gateway, sources, limits, nowUs }: CutterOptions): Cutter {
  const watermark = createWatermark(sources, (buffer.state as WatermarkState | undefined) ?? {})
  const normalisers = new Map<string, Normaliser>()
  const groups = new Map<string, Group>()
  let lastRead = 0

  function normaliserOf(digest: string): Normaliser {
    let found = normalisers.get(digest)
    if (!found) {
      const document = buffer.document(digest) ?? refuse('not_found', `the buffer holds readings made under tag map ${digest}, but not that map; its file is damaged`)
      found = createNormaliser(tagMapSchema.parse(document))
      normalisers.set(digest, found)
    }
    return found
  }

  /** Reads on from the buffer; false when there was nothing new. */
  async function take(): Promise<boolean> {
    const entries = buffer.readRaw(lastRead, READ_BYTES)
    for (const { id, bytes } of entries) {
      const block = decodeRawBlock(bytes)
      const weight = weightOf(block)
      const limit = block.kind === 'readings' ? limits.rows : limits.samples
      const key = `${block.kind} ${block.mode} ${block.mapDigest}`
      const open = groups.get(key)
      if (open && open.weight + weight > limit) await cut(key, open)
      const group = groups.get(key) ?? newGroup(block, normaliserOf(block.mapDigest))
      groups.set(key, group)
      watermark.observe(id, block.source, block.completeThroughUs)
      lastRead = id
      add(group, id, block)
      group.weight += weight
      if (group.weight >= limit) await cut(key, group)
    }
    return entries.length > 0
  }

  async function cut(key: string, group: Group): Promise<void> {
    groups.delete(key)
    watermark.cut(group.ids)
    const count = group.kind === 'readings' ? group.blocks.reduce((sum, { tag }) => sum + tag.length, 0) : group.waves.length
    const header: BatchHeader = {
      contract: CONTRACT_VERSION,
      site, gateway, epoch: buffer.epoch, sequence: buffer.nextSequence,
      kind: group.kind, mode: group.mode, mappingDigest: group.normaliser.digest, count,
      completeThroughUs: watermark.through(laneOf(group.mode)),
      createdUs: nowUs(),
      traceId: randomBytes(16).toString('hex'),
    }
    const bytes = group.kind === 'readings'
      ? encodeReadings(header, sortReadings(group.normaliser.tags, group.blocks))
      : encodeWaveforms(header, group.waves.sort((a, b) => (a.tag < b.tag ? -1 : a.tag > b.tag ? 1 : a.startUs - b.startUs)))
    await buffer.queueBatch({ sequence: header.sequence, kind: group.kind, count, bytes, rawIds: group.ids, state: watermark.state() })
  }

  const cutDue = async (nowMs: number) => {
    for (const [key, group] of [...groups]) if (nowMs - group.openedMs >= limits.waitMs) await cut(key, group)
  }

  return {
    async run(signal) {
      while (!signal.aborted) {
        if (!(await take())) {
          const opened = Math.min(...[...groups.values()].map(({ openedMs }) => openedMs))
          await firstOf(signal, (inner) => [
            buffer.waitForRaw(lastRead, inner),
            ...(Number.isFinite(opened) ? [createBell().wait(inner, opened + limits.waitMs - performance.now())] : []),
          ])
        }
        await cutDue(performance.now())
      }
    },
    async drain() {
      while (await take());
      await cutDue(Infinity)
    },
  }
}

function newGroup({ kind, mode }: RawBlock, normaliser: Normaliser): Group {
  return { kind, mode, normaliser, ids: [], blocks: [], waves: [], weight: 0, openedMs: performance.now() }
}

function add(group: Group, id: number, block: RawBlock): void {
  group.ids.push(id)
  if (block.kind === 'readings') {
    group.blocks.push({ ...group.normaliser.readings(block), sourceUs: block.sourceUs, raw: block.raw, gatewayUs: block.gatewayUs })
  } else {
    group.waves.push(...group.normaliser.waveforms(block, block.gatewayUs))
  }
}

function weightOf(block: RawBlock): number {
  return block.kind === 'readings' ? blockCount(block) : block.rows.reduce((sum, { samples }) => sum + samples.length, 0)
}
