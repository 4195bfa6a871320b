import type { Logger } from 'pino'
import type { DurableBuffer } from '../buffer/buffer.ts'
import type { RoomKeeper } from '../room-keeper.ts'
import type { SitePlan } from './plan.ts'

/** Clears what the site file lets grow only so old: waiting readings and the raw store. */
export async function care(buffer: DurableBuffer, room: RoomKeeper, { buffer: { maxAgeMs, keepRaw } }: SitePlan, atUs: number, log: Logger): Promise<void> {
  try {
    if (maxAgeMs !== null) await room.expire(atUs - maxAgeMs * 1000)
    if (keepRaw) while ((await buffer.pruneArchive(atUs - keepRaw.ageMs * 1000)) > 0) await new Promise((resolve) => setImmediate(resolve))
  } catch (error) {
    log.warn({ err: error }, 'old readings could not be cleared; the next minute tries again')
  }
}
