/** A reminder that could not go out for so long is left out: what was sent is not remembered for ever, and nothing comes twice. */
const STALE_US = 86_400_000_000

/**
 * Which reminder of a waiting gate is due (the first is 1; 0: none) and when the next one is, at a wall time in micros.
 * Counted from the request, so that whoever takes a gate over reminds at the same times.
 */
export function remindersAt(requestedUs: number, everySeconds: number, nowUs: number): { due: number; nextUs: number } {
  const everyUs = everySeconds * 1_000_000
  const count = Math.max(0, Math.floor((nowUs - requestedUs) / everyUs))
  const stale = nowUs - (requestedUs + count * everyUs) >= STALE_US
  return { due: stale ? 0 : count, nextUs: requestedUs + (count + 1) * everyUs }
}
