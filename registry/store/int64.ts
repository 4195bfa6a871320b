const HIGH = 2 ** 32

/** Puts a whole number up to 2^53 where PostgreSQL's binary formats have an int8: in two halves, since a bigint of each would be an object. */
export function putInt64(view: DataView, at: number, value: number): void {
  const high = Math.floor(value / HIGH)
  view.setInt32(at, high)
  view.setUint32(at + 4, value - high * HIGH)
}

/** Back from there; whole up to 2^53. */
export const getInt64 = (view: DataView, at: number): number => view.getInt32(at) * HIGH + view.getUint32(at + 4)
