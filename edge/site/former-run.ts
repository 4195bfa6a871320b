import type { Logger } from 'pino'
import type { GapCause } from '../../registry/domain/contract/gateway-report.ts'
import type { DurableBuffer } from '../buffer/buffer.ts'
import type { DamageLoss } from '../buffer/salvage.ts'
import type { GapBook } from '../gap-book.ts'
import type { Troubles } from './status.ts'

/** What lies between a former run and this one, and what this one leaves for the next. */
export interface FormerRun {
  /** What was between the two, a power cut for example, is a gap of every source that cannot tell it again. */
  noteAbsence(): Promise<void>
  /**
   * What a damaged file no longer gave when it was opened is told like every loss, and for as long as this run lasts.
   * Nobody waits for it: a full disk takes it once what waits has shipped.
   */
  noteDamage(): Promise<void>
  /** Ends gaps that nobody watches any more. A disk that takes no writes must not keep anything from being stopped. */
  over(causes: readonly GapCause[], toUs: number, source?: string): Promise<void>
  /** This run is there still. */
  alive(): Promise<void>
}

export interface FormerRunOptions {
  readonly buffer: DurableBuffer
  readonly gaps: GapBook
  readonly troubles: Troubles
  readonly nowUs: () => number
  readonly log: Logger
  readonly directory: string
  /** Waits for a disk that takes no writes. */
  readonly persist: <T>(write: () => Promise<T>) => Promise<T>
}

export function createFormerRun({ buffer, gaps, troubles, nowUs, log, directory, persist }: FormerRunOptions): FormerRun {
  const vain = (what: string) => (error: unknown) => { log.warn({ err: error }, what) }
  const over: FormerRun['over'] = (causes, toUs, source) => gaps.closeAll(causes, toUs, source).catch(vain('the end of a gap could not be noted'))

  return {
    over,
    async noteAbsence() {
      const lastUs = Math.max(buffer.stats().lastUs ?? 0, (buffer.record('facts', 'alive') as number | undefined) ?? 0)
      if (lastUs === 0) return
      await over(['source_silent', 'clock', 'disk'], lastUs)
      if (lastUs >= nowUs()) return
      await buffer.write(gaps.note([{ cause: 'gateway_off', fromUs: lastUs, toUs: nowUs(), lost: null, detail: 'the gateway did not run' }])).catch(vain('the time without the gateway could not be noted'))
    },
    async noteDamage() {
      const damage = buffer.record('facts', 'damage') as readonly DamageLoss[] | undefined
      if (!damage) return
      const rows = damage.some(({ lost }) => lost === null) ? 'an unknown number of' : damage.reduce((sum, { lost }) => sum + (lost ?? 0), 0)
      const told = `the file of the buffer was damaged and has been set aside; ${rows} readings of it are lost. Check the disk of ${directory}`
      log.error({ damage }, told)
      troubles.set('damage', told)
      const noted = gaps.note(damage.map((loss) => ({ cause: 'damaged', ...loss })))
      await persist(() => buffer.write(() => [...(typeof noted === 'function' ? noted() : noted), { store: 'facts', key: 'damage', value: undefined }]))
    },
    alive: () => buffer.write([{ store: 'facts', key: 'alive', value: nowUs() }]).catch(() => {}),
  }
}
