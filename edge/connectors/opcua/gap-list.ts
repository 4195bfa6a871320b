import { z } from 'zod'

/**
 * Spans of time in which the server may have seen what we have not, per address: kept in the buffer until the history
 * of them is delivered. Times are UTC microseconds; a span is open at both ends.
 */
const gapSchema = z.object({
  toUs: z.number(),
  /** How far each address has been filled; an address that is done is not here. */
  fromUs: z.record(z.string(), z.number()),
})
export type Gap = Readonly<z.infer<typeof gapSchema>>

/** More outages than this wait for their history: the two oldest become one, at the price of asking twice. */
const MOST = 20

export function addGap(gaps: readonly Gap[], gap: Gap): Gap[] {
  const [first, second, ...rest] = [...gaps, gap]
  if (rest.length + 2 <= MOST || !first || !second) return [...gaps, gap]
  const fromUs: Record<string, number> = { ...second.fromUs }
  for (const [address, from] of Object.entries(first.fromUs)) fromUs[address] = Math.min(from, fromUs[address] ?? Infinity)
  return [{ toUs: Math.max(first.toUs, second.toUs), fromUs }, ...rest]
}

/** The oldest gap after a page of history: `null` when the address has no more of it. It leaves with its last address. */
export function advanceOldest([oldest, ...others]: readonly Gap[], address: string, throughUs: number | null): Gap[] {
  if (!oldest) return []
  const left = Object.entries(oldest.fromUs).filter(([name]) => name !== address)
  if (throughUs !== null) left.push([address, throughUs])
  return left.length > 0 ? [{ ...oldest, fromUs: Object.fromEntries(left) }, ...others] : others
}

/** Without what is filled, not mapped any more, or too old to ask for. */
export function pruneGaps(gaps: readonly Gap[], addresses: ReadonlySet<string>, oldestUs: number): Gap[] {
  return gaps.flatMap((gap) => {
    if (gap.toUs <= oldestUs) return []
    const left = Object.entries(gap.fromUs).flatMap(([address, from]) => {
      const start = Math.max(from, oldestUs)
      return addresses.has(address) && start < gap.toUs ? [[address, start] as const] : []
    })
    return left.length > 0 ? [{ ...gap, fromUs: Object.fromEntries(left) }] : []
  })
}

/** Reads what was kept in the buffer; anything else is no gap. */
export function readGaps(stored: unknown): Gap[] {
  return z.array(gapSchema).catch([]).parse(stored)
}
