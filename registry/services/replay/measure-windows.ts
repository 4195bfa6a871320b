import { setImmediate as breathe } from 'node:timers/promises'
import { computeFeatures } from '../../domain/features/compute.ts'
import { assembleWindow, knownWithin } from '../../domain/windows/window-readings.ts'
import { roleTagsOf, tagsForRoles } from '../../store/judging-definitions.ts'
import { readingsOf } from '../../store/replay-records.ts'
import type { Tx } from '../../store/transaction.ts'
import type { MeasuringSet } from './other-versions.ts'

interface Ending { readonly endUs: number; readonly commitNumber: number }

/** Windows read for together: few enough, and near enough to each other, that their readings are no more than some megabytes. */
const AT_ONCE = 100
const APART_US = 3_600_000_000

/** What a feature set measures where windows end, each from the readings known as of its commit number; null where there is nothing, or too little good. */
export async function measureWindows<W extends Ending>(tx: Tx, assetRef: number, { set, roles }: MeasuringSet, windows: readonly W[]): Promise<Map<W, Float64Array | null>> {
  const measured = new Map<W, Float64Array | null>()
  if (windows.length === 0) return measured
  const tags = tagsForRoles((await roleTagsOf(tx, [assetRef])).get(assetRef) ?? [], roles)
  for (const part of inParts(windows)) {
    const [first, last] = [part[0] as W, part.at(-1) as W]
    const known = await readingsOf(tx, tags, { startUs: first.endUs - set.windowUs, endUs: last.endUs, commitNumber: Math.max(...part.map(({ commitNumber }) => commitNumber)) })
    for (const window of part) {
      const startUs = window.endUs - set.windowUs
      const { input, sourceUs } = assembleWindow(tags, knownWithin(tags, known, startUs, window.endUs), window.commitNumber, startUs, window.endUs)
      const { values, goodFraction } = sourceUs === -Infinity ? { values: null, goodFraction: 0 } : computeFeatures(set, input)
      measured.set(window, goodFraction >= set.minGoodFraction ? values : null)
    }
    await breathe()
  }
  return measured
}

function inParts<W extends Ending>(windows: readonly W[]): W[][] {
  const parts: W[][] = []
  for (const window of windows) {
    const part = parts.at(-1)
    if (part === undefined || part.length === AT_ONCE || window.endUs - (part[0] as W).endUs > APART_US) parts.push([window])
    else part.push(window)
  }
  return parts
}
