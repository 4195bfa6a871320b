import type { ScoreColumns } from './fold-columns.ts'

/**
 * Windows of one asset out of two lists, both ascending and with the same signals; of a window that is in both, the first
 * list's stands.
 */
export function mergeColumns(first: ScoreColumns, second: ScoreColumns): ScoreColumns {
  const [a, b] = [first.endUs, second.endUs]
  // Which row comes next: of the first list as it is, of the second as its complement.
  const order = new Int32Array(a.length + b.length)
  let [i, j, n] = [0, 0, 0]
  while (i < a.length || j < b.length) {
    const [at, bt] = [a[i] ?? Infinity, b[j] ?? Infinity]
    order[n++] = at <= bt ? i++ : ~j++
    if (at === bt) j++
  }
  const pick = <Column extends Float64Array | Uint8Array>(into: Column, left: Column, right: Column): Column => {
    for (let k = 0; k < n; k++) {
      const row = order[k] as number
      into[k] = (row >= 0 ? left[row] : right[~row]) as number
    }
    return into
  }
  return {
    endUs: pick(new Float64Array(n), a, b), suppressed: pick(new Uint8Array(n), first.suppressed, second.suppressed),
    signals: new Map([...first.signals].map(([signal, column]) => [signal, pick(new Float64Array(n), column, second.signals.get(signal) as Float64Array)])),
  }
}
