import { refuse } from '../../../registry/domain/errors.ts'
import { isBitTable, type Table } from './address.ts'

/** Registers or coils `[start, start + count)` of a table. */
export interface Span {
  readonly table: Table
  readonly start: number
  readonly count: number
}

export interface Limits {
  /** Most registers and coils one request may ask for (the protocol's own: 125 and 2,000). */
  readonly registers: number
  readonly coils: number
  /** Most unwanted registers and coils read along to spare a request. */
  readonly gapRegisters: number
  readonly gapCoils: number
}

export interface Planned<Item extends Span> extends Span {
  readonly items: readonly Item[]
}

/** A place that requests must not be merged across; of no width: a border between two registers. */
export type Cut = Span

/**
 * The fewest requests of one unit that read every item whole, once, within the limits. An item that a cut goes through
 * is read alone. Greedy from the lowest address is optimal here: what does not fit beside the lowest item cannot fit
 * beside it in any plan, and taking all that does fit never costs the later requests anything.
 */
export function planRequests<Item extends Span>(items: readonly Item[], limits: Limits, cuts: readonly Cut[] = []): Planned<Item>[] {
  const plans: Planned<Item>[] = []
  for (const table of new Set(items.map((item) => item.table))) {
    const most = isBitTable(table) ? limits.coils : limits.registers
    const gap = isBitTable(table) ? limits.gapCoils : limits.gapRegisters
    const here = cuts.filter((cut) => cut.table === table)
    const blocked = (start: number, end: number) => here.some((cut) => cut.start < end && cut.start + cut.count > start)

    let open: { start: number; end: number; items: Item[] } | undefined
    const close = () => {
      if (open) plans.push({ table, start: open.start, count: open.end - open.start, items: open.items })
      open = undefined
    }
    for (const item of items.filter((candidate) => candidate.table === table).sort((a, b) => a.start - b.start)) {
      const itemEnd = item.start + item.count
      if (item.count > most) refuse('invalid', `an item of ${item.count} at ${table} ${item.start} does not fit a request of ${most}; raise the limit`)
      if (blocked(item.start, itemEnd)) {
        plans.push({ table, start: item.start, count: item.count, items: [item] })
        continue
      }
      const end = Math.max(open?.end ?? 0, itemEnd)
      if (!open || item.start - open.end > gap || end - open.start > most || blocked(open.start, end)) {
        close()
        open = { start: item.start, end: itemEnd, items: [item] }
      } else {
        open.end = end
        open.items.push(item)
      }
    }
    close()
  }
  return plans
}

/** Two halves of a request that was refused, to find out whose fault it was. Cuts between items, never through one. */
export function halve<Item extends Span>({ table, items }: Planned<Item>): [Planned<Item>, Planned<Item>] {
  const middle = items.length >> 1
  const part = (some: readonly Item[]): Planned<Item> => {
    const start = Math.min(...some.map((item) => item.start))
    const end = Math.max(...some.map((item) => item.start + item.count))
    return { table, start, count: end - start, items: some }
  }
  return [part(items.slice(0, middle)), part(items.slice(middle))]
}
