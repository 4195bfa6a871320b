import { get, getPages } from '../api.ts'
import { Badge, counted, Empty, Notice, shortDigest, When } from '../parts/bits.tsx'
import { More, usePages } from '../parts/more.tsx'
import { Table } from '../parts/table.tsx'
import { usePageTitle } from '../router.ts'
import { coversSeveral, siteText } from '../text/sites.ts'
import type { LedgerRow, Me } from '../types.ts'
import { useData } from '../use-data.ts'

/** What was in force, since when, and who allowed it. Rows can be added, never changed: each carries the hash of the one before. */
export function LedgerPage({ me }: { me: Me }) {
  usePageTitle('Ledger')
  const pages = usePages('ledger')
  const { data, error, at } = useData(() => getPages<LedgerRow>('/v1/ledger', { limit: 100 }, pages.count), `ledger ${pages.count}`)
  const verified = useData(() => get<{ ok: boolean; checked: number; pending: number; problem?: string | null }>('/v1/ledger/verify'), 'ledger-verify', 30_000)
  return (
    <>
      <div class="head"><h1>Ledger</h1>
        {verified.data && <Badge kind={verified.data.ok ? 'good' : 'urgent'}>{verified.data.ok ? `chain holds, ${counted(verified.data.checked, 'row')}` : 'chain broken'}</Badge>}
        <span class="soft">What was in force, since when, and who allowed it{coversSeveral(me) && '; each site has a chain of its own'}. <a href="/incidents?show=all">Incidents</a></span>
      </div>
      <Notice error={error ?? verified.error} at={at} />
      {verified.data?.problem && <p class="notice" role="alert">{verified.data.problem}</p>}
      <section class="panel panel-wide">
        {!data && !error && <p class="loading" role="status">Loading…</p>}
        {data && data.items.length === 0 && <Empty title="Nothing was written yet.">The first key, the first policy, the first release: each leaves a row here.</Empty>}
        {data && data.items.length > 0 && <Table label="Ledger" compact rows={data.items} keyOf={(row) => row.id} columns={[
          { head: 'What', main: true, cell: (row) => row.kind },
          coversSeveral(me) && { head: 'Site', cell: (row) => siteText(row.site) },
          { head: 'No.', kind: 'num', cell: (row) => row.sequence ?? <span title="Not sealed yet: a moment">…</span> },
          { head: 'When', cell: (row) => <When at={row.recordedAt} ago /> },
          { head: 'Subject', kind: 'mono', cell: (row) => <Subject subject={row.subject} /> },
          { head: 'Who', cell: (row) => row.actor },
          { head: 'Hash', kind: 'mono', cell: (row) => <span title={row.hash ?? 'Not sealed yet: a moment'}>{shortDigest(row.hash)}</span> },
        ]} />}
        <More data={data} onMore={pages.more} />
      </section>
    </>
  )
}

/** Ids are shown by their beginning; a gate and an incident lead to their pages. */
function Subject({ subject }: { subject: string }) {
  const short = subject.replace(/([0-9a-f]{8})(-[0-9a-f]{4}){3}-[0-9a-f]{12}/, '$1…')
  const page = /^(gate|incident)\/(.+)$/.exec(subject)
  return page ? <a href={`/${page[1]}s/${page[2]}`} title={subject}>{short}</a> : <span title={subject}>{short}</span>
}
