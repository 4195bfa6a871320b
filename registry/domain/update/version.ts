/** Versions as Semantic Versioning 2.0 writes them; what follows a `+` says nothing of order. */
export const VERSION_PATTERN = /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?$/

interface Version { readonly numbers: readonly number[]; readonly pre: readonly string[] }

/** Null for what is no version (a build without one). */
function parseVersion(text: string): Version | null {
  const found = VERSION_PATTERN.exec(text)
  return found && { numbers: found.slice(1, 4).map(Number), pre: found[4]?.split('.') ?? [] }
}

/** Below zero when `a` comes before `b`; what is no version comes before all that is. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parseVersion(a), parseVersion(b)]
  if (left === null || right === null) return Number(left !== null) - Number(right !== null)
  for (let i = 0; i < 3; i++) {
    const by = (left.numbers[i] ?? 0) - (right.numbers[i] ?? 0)
    if (by !== 0) return by
  }
  // One with a pre-release comes before the same without (clause 11.3).
  if (left.pre.length === 0 || right.pre.length === 0) return right.pre.length - left.pre.length
  for (let i = 0; i < Math.max(left.pre.length, right.pre.length); i++) {
    const by = comparePart(left.pre[i], right.pre[i])
    if (by !== 0) return by
  }
  return 0
}

/** Clause 11.4: numbers by size and before words; more parts after fewer. */
function comparePart(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined)
  const [first, second] = [/^\d+$/.test(a), /^\d+$/.test(b)]
  if (first && second) return Number(a) - Number(b)
  if (first !== second) return first ? -1 : 1
  return a < b ? -1 : a > b ? 1 : 0
}
