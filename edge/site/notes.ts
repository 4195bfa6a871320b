import type { Logger } from 'pino'
import { QUALITY_LEVEL_MASK, qualityReasons, UNCERTAIN } from '../../registry/domain/contract/quality.ts'
import type { ClockJump } from '../clock.ts'
import type { GapBook } from '../gap-book.ts'
import type { PresenceChange } from '../presence.ts'
import type { Block } from '../raw-entry.ts'
import type { Troubles } from './status.ts'

/** Puts what befalls the gateway into gap ledger, status and log. */
export interface Notes {
  clock(jump: ClockJump): void
  presence(changes: readonly PresenceChange[], source: string): void
  /** What keeps the disk from taking writes; null when it takes them again. */
  disk(problem: string | null): void
}

export function createNotes({ gaps, troubles, nowUs, log }: { gaps: GapBook; troubles: Troubles; nowUs: () => number; log: Logger }): Notes {
  let diskSinceUs: number | undefined
  const noting = (what: Promise<void>) => { what.catch((error: unknown) => { log.warn({ err: error }, 'a gap could not be noted') }) }

  return {
    clock({ event, atUs, byUs, adopted }) {
      const seconds = (byUs / 1e6).toFixed(1)
      if (event === 'jumped') noting(gaps.open('clock', {}, atUs, `the system clock jumped by ${seconds} s; times are doubtful until it is known which is right`))
      else noting(gaps.close('clock', {}, adopted ? atUs + byUs : nowUs()))
      log.warn({ seconds, adopted }, event === 'jumped' ? 'the system clock jumped' : 'the clock is trusted again')
    },
    presence(changes, source) {
      for (const { tag, event, lastUs } of changes) {
        noting(event === 'silent' ? gaps.open('source_silent', { tag, source }, lastUs) : gaps.close('source_silent', { tag, source }, nowUs()))
        log.warn({ source, tag }, event === 'silent' ? 'a tag fell silent' : 'a tag speaks again')
      }
    },
    disk(problem) {
      const before = troubles.get('disk')
      if (problem !== null) {
        if (before === undefined) log.error({ problem }, 'the disk takes no writes; sources wait')
        diskSinceUs ??= nowUs()
        troubles.set('disk', problem)
        return
      }
      troubles.delete('disk')
      // Its begin could not be written while it lasted.
      const sinceUs = diskSinceUs ?? nowUs()
      diskSinceUs = undefined
      noting(gaps.open('disk', {}, sinceUs, before).then(() => gaps.close('disk', {}, nowUs())))
      log.info('the disk takes writes again')
    },
  }
}

/** Marks those of the blocks whose times the gateway gave while it did not know the time. */
export function doubtTimes(blocks: readonly Block[], gatewayTimed: readonly Block[]): Block[] {
  const doubt = (quality: number) => ((quality & QUALITY_LEVEL_MASK) === 0 ? quality | UNCERTAIN : quality) | qualityReasons.clock
  return blocks.map((block) => {
    if (!gatewayTimed.includes(block)) return block
    return block.kind === 'readings'
      ? { ...block, quality: block.quality.map(doubt) }
      : { ...block, rows: block.rows.map((row) => ({ ...row, quality: doubt(row.quality) })) }
  })
}
