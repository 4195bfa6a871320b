import { getPages } from '../api.ts'
import { Badge, Empty, Notice, When } from '../parts/bits.tsx'
import { More, usePages } from '../parts/more.tsx'
import { Table } from '../parts/table.tsx'
import { usePageTitle } from '../router.ts'
import { ENDED } from '../text/rollouts.ts'
import { coversSeveral } from '../text/sites.ts'
import type { Me, RolloutRow } from '../types.ts'
import { useData } from '../use-data.ts'

/** Releases on their way into force, and what became of those that were. */
export function RolloutsPage({ me }: { me: Me }) {
  usePageTitle('Rollouts')
  const pages = usePages('rollouts')
  const { data, error, at } = useData(() => getPages<RolloutRow>('/v1/rollouts', { limit: 50 }, pages.count), `rollouts ${pages.count}`)
  return (
    <>
      <div class="head"><div class="trail"><a href="/gates">Gates</a></div><h1>Rollouts</h1><span class="soft">How releases came into force step by step, newest first</span></div>
      <Notice error={error} at={at} />
      <section class="panel panel-wide">
        {!data && !error && <p class="loading" role="status">Loading…</p>}
        {data && data.items.length === 0 && <Empty title="No rollout so far.">Ask for one: <code>npm run twinward -- promote RELEASE --shadow 2d --canary 3d --slice 20% --reason TEXT</code>.</Empty>}
        {data && data.items.length > 0 && <Table label="Rollouts" rows={data.items} keyOf={(one) => one.id} columns={[
          { head: 'Release', main: true, cell: (one) => <a href={`/rollouts/${one.id}`} class="mono whole">{one.release}</a> },
          { head: 'Instead of', kind: 'mono', cell: (one) => one.former ?? 'nothing' },
          coversSeveral(me) && { head: 'Site', cell: (one) => one.site },
          { head: 'For', cell: (one) => one.scope.replace(':', ' ') },
          { head: 'State', cell: (one) => <Badge kind={one.state === 'running' ? 'open' : ENDED[one.state]}>{one.state === 'running' ? one.stage : one.state}</Badge> },
          { head: 'Began', cell: (one) => <When at={one.startedAt} ago /> },
          { head: 'Ended', cell: (one) => <When at={one.endedAt} ago /> },
          { head: 'Why', cell: (one) => one.endedBecause ?? '' },
        ]} />}
        <More data={data} onMore={pages.more} />
      </section>
    </>
  )
}
