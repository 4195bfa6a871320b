import { getPages } from '../api.ts'
import { Badge, Empty, Notice, When } from '../parts/bits.tsx'
import { More, usePages } from '../parts/more.tsx'
import { OperationProgress, OperationVerbs } from '../parts/operation.tsx'
import { Table } from '../parts/table.tsx'
import { usePageTitle } from '../router.ts'
import { coversSeveral } from '../text/sites.ts'
import { KINDS, scopeText, stateText } from '../text/operations.ts'
import type { Me, OperationRow } from '../types.ts'
import { useData } from '../use-data.ts'

/** Long work that people asked for: how far it is, and how it ended. */
export function OperationsPage({ me }: { me: Me }) {
  usePageTitle('Operations')
  const pages = usePages('operations')
  const { data, error, at, reload } = useData(() => getPages<OperationRow>('/v1/operations', { limit: 50 }, pages.count), `operations ${pages.count}`, 2_000)
  return (
    <>
      <div class="head"><h1>Operations</h1><span class="soft">Trainings, drift checks and rescores, newest first</span></div>
      <Notice error={error} at={at} />
      <section class="panel panel-wide">
        {!data && !error && <p class="loading" role="status">Loading…</p>}
        {data && data.items.length === 0 && <Empty title="Nothing was asked for yet.">Train a model: <code>npm run twinward -- train FAMILY --site SITE</code>.</Empty>}
        {data && data.items.length > 0 && <Table label="Operations" rows={data.items} keyOf={(one) => one.id} columns={[
          { head: 'What', main: true, cell: (one) => <><a href={`/operations/${one.id}`}>{KINDS[one.kind] ?? one.kind}</a>{one.rescore && <span class="soft"> {scopeText(one.rescore.scope)}: {one.rescore.reason}</span>}</> },
          coversSeveral(me) && { head: 'Site', cell: (one) => one.site },
          { head: 'State', cell: (one) => <Badge kind={one.paused ? 'low' : one.state}>{stateText(one)}</Badge> },
          { head: 'How far', cell: (one) => <OperationProgress one={one} /> },
          { head: 'Asked for', cell: (one) => <>{one.requestedBy}, <When at={one.createdAt} ago /></> },
          { head: 'Ended', cell: (one) => <When at={one.endedAt} ago /> },
          { head: 'Steer', cell: (one) => (one.endedAt ? null : <OperationVerbs one={one} me={me} onDone={reload} />) },
        ]} />}
        <More data={data} onMore={pages.more} />
      </section>
    </>
  )
}
