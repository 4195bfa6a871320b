/** `90s`, `24 h`: a time span for people. */
export function describeMs(ms: number): string {
  const [size, unit] = ([[86_400_000, 'd'], [3_600_000, 'h'], [60_000, 'min'], [1_000, 's']] as const).find(([size]) => ms >= size && Number.isInteger(ms / size)) ?? [1, 'ms'] as const
  return `${Number((ms / size).toPrecision(4))} ${unit}`
}

/** About how long, for people: `3.4 days`. */
export function describeSpan(seconds: number): string {
  const [size, unit] = ([[86_400, 'days'], [3_600, 'hours'], [60, 'minutes']] as const).find(([size]) => seconds >= 2 * size) ?? [1, 'seconds'] as const
  return `${Number((seconds / size).toPrecision(2))} ${unit}`
}

/** `1.4 GB`. */
export function describeBytes(bytes: number): string {
  const [size, unit] = ([[1e12, 'TB'], [1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB']] as const).find(([size]) => bytes >= size) ?? [1, 'B'] as const
  return `${Number((bytes / size).toPrecision(3))} ${unit}`
}
