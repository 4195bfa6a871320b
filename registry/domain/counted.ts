/** `1 window`, `2 windows`: a count with its noun, for sentences that people read. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`
}
