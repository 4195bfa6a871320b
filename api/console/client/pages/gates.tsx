import { getPages } from '../api.ts'
import { Badge, Empty, Notice, Tabs, When } from '../parts/bits.tsx'
import { More, usePages } from '../parts/more.tsx'
import { RunningRollouts } from '../parts/running-rollouts.tsx'
import { Table } from '../parts/table.tsx'
import { setParams, usePageTitle } from '../router.ts'
import { coversSeveral } from '../text/sites.ts'
import type { GateRow, Me } from '../types.ts'
import { useData } from '../use-data.ts'

const KINDS: Readonly<Record<GateRow['kind'], string>> = { 'promote-model': 'model', 'approve-policy': 'policy', 'change-governance': 'rules' }

/** Promotions, policy changes and changes of the rules; those that wait come first. */
export function GatesPage({ url, me }: { url: URL; me: Me }) {
  usePageTitle('Gates')
  const shown = url.searchParams.get('show') === 'all' ? 'all' : 'waiting'
  const pages = usePages(shown)
  const { data, error, at } = useData(() => getPages<GateRow>('/v1/gates', { limit: 100, unsettled: shown === 'all' ? undefined : 'true' }, pages.count), `gates ${shown} ${pages.count}`)
  return (
    <>
      <div class="head"><h1>Gates</h1>
        <Tabs label="Which gates" choices={['waiting', 'all']} chosen={shown} onChoose={(choice) => setParams({ show: choice === 'all' ? 'all' : null })} />
        <span class="soft">A model or policy judges machines only after it was approved here · <a href="/rollouts">Rollouts</a> · <a href="/delegations">Delegations</a></span>
      </div>
      <Notice error={error} at={at} />
      <RunningRollouts />
      <section class="panel panel-wide">
        {!data && !error && <p class="loading" role="status">Loading…</p>}
        {data && data.items.length === 0 && (shown === 'all'
          ? <Empty title="No gate so far.">Train a model and ask for it: <code>npm run twinward -- train FAMILY --site SITE --promote</code>.</Empty>
          : <Empty title="Nothing waits for approval."><button type="button" onClick={() => setParams({ show: 'all' })}>Show decided ones</button></Empty>)}
        {data && data.items.length > 0 && <Table label="Gates" rows={data.items} keyOf={(gate) => gate.id} columns={[
          { head: 'Proposal', main: true, cell: (gate) => <><a href={`/gates/${gate.id}`} class="mono whole">{gate.subject}</a> {gate.emergency?.review.state === 'due' && <Badge kind="urgent">emergency, {gate.emergency.review.overdue ? 'review overdue' : 'to be reviewed'}</Badge>} {gate.changesAsked.length > 0 && <Badge kind="low">changes asked for</Badge>} {gate.waitingForMe && <Badge kind="medium">waits for you</Badge>}</> },
          { head: 'Replaces', kind: 'mono', cell: (gate) => gate.replaces ?? 'nothing' },
          coversSeveral(me) && { head: 'Site', cell: (gate) => gate.site },
          { head: 'What', cell: (gate) => `${KINDS[gate.kind]}${gate.role === null ? '' : ` as ${gate.role}`}` },
          { head: 'State', cell: (gate) => <Badge kind={gate.state}>{gate.state}</Badge> },
          { head: 'Approvals', cell: (gate) => <>{gate.state === 'open' || gate.emergency?.review.state === 'due' ? gate.wanted : `${gate.approvals} of ${gate.requiredApprovals}`}</> },
          { head: 'Requested', cell: (gate) => <>{gate.requestedBy}, <When at={gate.requestedAt} ago /></> },
          { head: shown === 'all' ? 'Decided' : 'Expires', cell: (gate) => (gate.closedAt ? <When at={gate.closedAt} ago /> : <>{shown === 'all' && 'expires '}<When at={gate.expiresAt} ago /></>) },
        ]} />}
        <More data={data} onMore={pages.more} />
      </section>
    </>
  )
}
