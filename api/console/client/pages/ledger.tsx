import { get } from '../api.ts'
import { Badge, Notice, shortDigest, When } from '../parts/bits.tsx'
import type { LedgerRow, Page } from '../types.ts'
import { useData } from '../use-data.ts'

/** What was in force, since when, and who allowed it. Rows can be added, never changed: each carries the hash of the one before. */
export function LedgerPage() {
  const { data, error } = useData(() => get<Page<LedgerRow>>('/v1/ledger', { limit: 200 }), 'ledger')
  const verified = useData(() => get<{ ok: boolean; checked: number; problem?: string | null }>('/v1/ledger/verify'), 'ledger-verify', 30_000)
  return (
    <>
      <div class="head"><h1>Ledger</h1>
        {verified.data && <Badge kind={verified.data.ok ? 'good' : 'urgent'}>{verified.data.ok ? `chain holds, ${verified.data.checked} rows` : 'chain broken'}</Badge>}
      </div>
      <Notice error={error ?? verified.error} />
      {verified.data?.problem && <p class="notice" role="alert">{verified.data.problem}</p>}
      <section class="panel panel-wide"><div class="scroll"><table>
        <thead><tr><th class="num">No.</th><th>When</th><th>What</th><th>Subject</th><th>Who</th><th>Hash</th></tr></thead>
        <tbody>{data?.items.map((row, i) => (
          <tr key={i}><td class="num">{row.sequence ?? '…'}</td><td><When at={row.recordedAt} /></td><td>{row.kind}</td><td class="mono">{row.subject}</td><td>{row.actor}</td><td class="mono" title={row.hash ?? 'not sealed yet'}>{shortDigest(row.hash)}</td></tr>
        ))}</tbody>
      </table></div></section>
    </>
  )
}
