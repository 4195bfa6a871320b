/** A dictionary must halve a column, entries of eight bytes included; where times do not come again, looking for them ends after a quarter of the rows. */
const ROWS_AN_ENTRY = 4
/** Indices are 16 bits, signed as Arrow advises. */
const MOST = 2 ** 15

export interface DistinctTimes {
  /** In the order in which they first come. */
  readonly times: Float64Array
  /** Of each row which of them it has. */
  readonly index: Int16Array
}

/**
 * The distinct times of a column, where there are few enough to be worth a dictionary: tags read in rounds share theirs.
 * Null else. A table of open addressing that grows as it fills; a Map of doubles would cost many times as much a row.
 */
export function distinctTimes(micros: Float64Array): DistinctTimes | null {
  const most = Math.min(MOST, Math.floor(micros.length / ROWS_AN_ENTRY))
  const index = new Int16Array(micros.length)
  let table = emptyTable(10)
  let count = 0
  let next = 0
  for (let row = 0; row < micros.length; row++) {
    const time = micros[row]!
    // A tag's rows go through the rounds in turn: nearly always it is the entry after the last one.
    if (next === count || table.times[next] !== time) {
      const slot = slotOf(table, time)
      if (table.slots[slot] === 0) {
        if (count === most) return null
        table.times[count] = time
        table.slots[slot] = ++count
        next = count - 1
        if (count === table.times.length) table = grown(table)
      } else {
        next = table.slots[slot]! - 1
      }
    }
    index[row] = next++
  }
  return { times: table.times.slice(0, count), index }
}

interface Table {
  /** Half as many as there are slots. */
  readonly times: Float64Array
  /** One more than the entry, so that 0 is none. */
  readonly slots: Int32Array
  readonly bits: number
}

const emptyTable = (bits: number): Table => ({ times: new Float64Array(2 ** (bits - 1)), slots: new Int32Array(2 ** bits), bits })

function grown({ times, bits }: Table): Table {
  const table = emptyTable(bits + 1)
  table.times.set(times)
  for (let entry = 0; entry < times.length; entry++) table.slots[slotOf(table, times[entry]!)] = entry + 1
  return table
}

/** Where a time stands, or the free slot where it belongs. Times are whole, so that their low 32 bits tell near ones apart. */
function slotOf({ times, slots, bits }: Table, time: number): number {
  const mask = slots.length - 1
  let slot = Math.imul(time % 2 ** 32, 0x9e3779b1) >>> (32 - bits)
  for (let entry = slots[slot]!; entry !== 0 && times[entry - 1] !== time; entry = slots[slot]!) slot = (slot + 1) & mask
  return slot
}
