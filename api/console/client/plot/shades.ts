import type { GapEntry } from '../types.ts'

/** A stretch of a plot that is shaded because something is missing there. Seconds since 1970. */
export interface Shade { from: number; to: number; label: string }

const CAUSES: Readonly<Record<string, string>> = {
  wan: 'no connection', source_silent: 'machine silent', buffer_full: 'buffer full', quarantined: 'set aside', clock: 'clock doubtful', damaged: 'buffer damaged', disk: 'disk takes nothing', gateway_off: 'gateway not running',
}
/** A newer gateway may know causes that this console does not. */
export const causeText = (cause: string): string => CAUSES[cause] ?? cause.replaceAll('_', ' ')

/** What was measured during a cut connection came later: the plot shows it, and there is nothing to shade. */
const cameLater = ({ cause, to, lost }: GapEntry): boolean => cause === 'wan' && to !== null && lost === 0

/**
 * The stretches in which readings of a tag are missing (of any tag of the machine, without one), oldest first; those of one
 * cause that touch are one. What goes on is shaded up to `now`.
 *
 * @param now milliseconds since 1970
 */
export function shadesOf(gaps: readonly GapEntry[], tag: string | null, now: number): Shade[] {
  const stretches = gaps
    .filter((gap) => !cameLater(gap) && (tag === null || gap.tag === null || gap.tag === tag))
    .map((gap) => ({ from: Date.parse(gap.from) / 1000, to: (gap.to === null ? now : Date.parse(gap.to)) / 1000, label: causeText(gap.cause) }))
    .sort((a, b) => a.from - b.from)
  const out: Shade[] = []
  for (const stretch of stretches) {
    const before = out.findLast(({ label }) => label === stretch.label)
    if (before && stretch.from <= before.to) before.to = Math.max(before.to, stretch.to)
    else out.push({ ...stretch })
  }
  return out
}
