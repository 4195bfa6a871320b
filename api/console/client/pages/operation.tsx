import { get } from '../api.ts'
import { Badge, Notice, Panel, Waiting, When } from '../parts/bits.tsx'
import { OperationProgress, OperationVerbs } from '../parts/operation.tsx'
import { usePageTitle } from '../router.ts'
import { KINDS, scopeText, stateText } from '../text/operations.ts'
import type { Me, OperationRow } from '../types.ts'
import { useData } from '../use-data.ts'

/** One piece of long work: what was asked for, how far it is, and the way to hold or end it. */
export function OperationPage({ id, me }: { id: string; me: Me }) {
  const { data: one, error, at, reload } = useData(() => get<OperationRow>(`/v1/operations/${id}`), `operation ${id}`, 2_000)
  const what = one ? KINDS[one.kind] ?? one.kind : 'Operation'
  usePageTitle(what)
  if (!one) return <Waiting error={error} what="Operation" back={{ href: '/operations', label: 'All operations' }} />
  const { rescore } = one
  return (
    <>
      <div class="head">
        <div class="trail"><a href="/operations">Operations</a> › {one.site}</div>
        <h1>{what}</h1><Badge kind={one.paused ? 'low' : one.state}>{stateText(one)}</Badge>
        <span class="soft">asked for by {one.requestedBy}, <When at={one.createdAt} ago />{one.endedAt && <>; ended <When at={one.endedAt} ago /></>}</span>
      </div>
      <Notice error={error} at={at} />
      <div class="grid">
        <Panel title="How far it is" wide>
          <OperationProgress one={one} />
          {one.endedAt === null && <div class="actions"><OperationVerbs one={one} me={me} onDone={reload} /></div>}
        </Panel>
        {rescore && <Panel title="What was asked for" wide>
          <dl class="facts">
            <dt>Machines</dt><dd>{scopeText(rescore.scope)}</dd>
            <dt>Windows that ended</dt><dd>after <When at={rescore.from} />, until <When at={rescore.to} /></dd>
            <dt>Judged by</dt><dd>{rescore.release === null ? 'what was in force when it was asked for' : <span class="mono">{rescore.release}</span>}</dd>
            <dt>Why</dt><dd>{rescore.reason}</dd>
            <dt>On a command line</dt><dd><code class="whole">npm run twinward -- rescore status {one.id}</code></dd>
          </dl>
        </Panel>}
      </div>
    </>
  )
}
