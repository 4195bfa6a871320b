import type { JudgedWindow } from '../domain/contract/judged-window.ts'
import type { LastJudged } from '../domain/contract/gateway-report.ts'
import { compareJudged } from '../domain/replay/compare-judged.ts'
import { addTallies, comparedThrough, platformSides, type JudgedTally } from '../store/local-judgements.ts'
import type { Tx } from '../store/transaction.ts'

/**
 * Holds windows that a gateway judged against the platform's judgement of them, and counts what came of it. Gives the last
 * window that has been compared: the first that the platform has not come to yet, and all behind it, are told again.
 */
export async function compareJudgedWindows(tx: Tx, site: string, gateway: string, judged: readonly JudgedWindow[], nowUs: number): Promise<LastJudged | null> {
  if (judged.length === 0) return null
  const [sides, through] = [await platformSides(tx, site, judged), await comparedThrough(tx, site, gateway)]
  const tallies = new Map<string, JudgedTally>()
  let last: LastJudged | null = null
  for (const [i, window] of judged.entries()) {
    const side = sides[i]
    const found = compareJudged(window, side?.window, side?.closedThroughUs ?? null)
    // A machine that nobody imported will never be judged here.
    const verdict = found.verdict === 'waits' && side?.known === false ? { verdict: 'absent' as const } : found
    if (verdict.verdict === 'waits') break
    const { asset, endUs, issue, release } = window
    last = { asset, endUs, issue }
    if (endUs <= (through.get(asset) ?? -Infinity)) continue
    const key = `${asset} ${release.digest} ${issue}`
    const before = tallies.get(key) ?? { asset, release, issue, agreeing: 0, differing: 0, otherRelease: 0, absent: 0, firstUs: endUs, lastUs: endUs, largest: 0, firstDifference: null }
    const relative = 'relative' in verdict ? verdict.relative : 0
    tallies.set(key, {
      ...before, agreeing: before.agreeing + Number(verdict.verdict === 'agreeing'), differing: before.differing + Number(verdict.verdict === 'differing'),
      otherRelease: before.otherRelease + Number(verdict.verdict === 'other_release'), absent: before.absent + Number(verdict.verdict === 'absent'),
      firstUs: Math.min(before.firstUs, endUs), lastUs: Math.max(before.lastUs, endUs), largest: Math.max(before.largest, relative),
      firstDifference: before.firstDifference ?? (verdict.verdict === 'differing' ? verdict.difference : null),
    })
  }
  await addTallies(tx, site, gateway, [...tallies.values()], nowUs)
  return last
}
