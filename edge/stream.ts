import type { Mode } from '../registry/domain/contract/batch.ts'
import type { DurableBuffer } from './buffer/buffer.ts'
import { defaultCutLimits } from './cut-limits.ts'
import { createCutter } from './cutter.ts'
import { createRawReader } from './raw-reader.ts'

const KEY = 'stream'

/**
 * A finite source (files, a simulation) is a stream of its own: it may begin before the one before it ended, and its
 * watermark must not be held to that one's promise. The same `key` again goes on with the stream it began; another one
 * first cuts what is left of the former and then begins an epoch.
 */
export async function beginStream(
  buffer: DurableBuffer, { site, gateway, sources, key }: { site: string; gateway: string; sources: readonly { id: string; mode: Mode }[]; key: string },
): Promise<void> {
  if (buffer.position(KEY) === key) return
  await createCutter({ buffer, reader: createRawReader(buffer), site, gateway, sources: () => sources, limits: defaultCutLimits, nowUs: () => Date.now() * 1000 }).drain()
  await buffer.beginEpoch({ key: KEY, value: key })
}
