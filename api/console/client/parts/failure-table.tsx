import type { Comparison } from '../plot/changes.ts'
import { number, When } from './bits.tsx'
import { Table } from './table.tsx'

type Failures = NonNullable<Comparison['failures']>
const outcome = ({ outcome: how, leadHours }: Failures['each'][number]['before']) => (leadHours === null ? how : `${how}, ${number(leadHours, 3)} h before`)

/** Each recorded failure: announced or not, and how long before, by either side. */
export function FailureTable({ failures }: { failures: Failures }) {
  return <Table label="Recorded failures" rows={failures.each} keyOf={(one) => `${one.asset} ${one.at}`} columns={[
    { head: 'Machine', main: true, cell: (one) => one.asset }, { head: 'Failed', cell: (one) => <When at={one.at} /> },
    { head: 'Before', cell: (one) => outcome(one.before) }, { head: 'After', cell: (one) => outcome(one.after) },
    { head: 'Lead won', cell: (one) => `${one.leadHoursWon > 0 ? '+' : ''}${number(one.leadHoursWon, 3)} h` },
  ]} />
}
