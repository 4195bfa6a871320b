/** Readings on their way into a batch, column by column, in the order of arrival; the columns are longer than `length`. */
export interface ReadingRows {
  readonly tag: Int32Array
  readonly sourceUs: Float64Array
  readonly gatewayUs: Float64Array
  readonly raw: Float64Array
  readonly value: Float64Array
  readonly quality: Uint16Array
  readonly length: number
}

/** Rows that grow: columns of their own for each of a hundred readings would cost more than the readings. */
export interface GrowingRows {
  rows(): ReadingRows
  /** Appends so many rows, to be filled from the former length on. */
  extend(count: number): ReadingRows
}

const FIRST = 1024

export function createGrowingRows(): GrowingRows {
  let rows = emptyRows(FIRST)
  return {
    rows: () => rows,
    extend(count) {
      const length = rows.length + count
      if (length > rows.tag.length) rows = widened(rows, Math.max(length, 2 * rows.tag.length))
      rows = { ...rows, length }
      return rows
    },
  }
}

function emptyRows(capacity: number): ReadingRows {
  return {
    tag: new Int32Array(capacity), sourceUs: new Float64Array(capacity), gatewayUs: new Float64Array(capacity),
    raw: new Float64Array(capacity), value: new Float64Array(capacity), quality: new Uint16Array(capacity), length: 0,
  }
}

function widened(rows: ReadingRows, capacity: number): ReadingRows {
  const wider = emptyRows(capacity)
  for (const name of ['tag', 'sourceUs', 'gatewayUs', 'raw', 'value', 'quality'] as const) wider[name].set(rows[name].subarray(0, rows.length))
  return { ...wider, length: rows.length }
}
