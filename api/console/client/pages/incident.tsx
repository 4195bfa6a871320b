import type { IncidentDetail } from '../../../../registry/services/read/incidents.ts'
import { get } from '../api.ts'
import { AnswerIncident } from '../parts/answer-incident.tsx'
import { Badge, Notice, Panel, shortDigest, Waiting, When } from '../parts/bits.tsx'
import { LineageDrawing } from '../parts/lineage.tsx'
import { ReplayAgain } from '../parts/replay-again.tsx'
import { Table } from '../parts/table.tsx'
import { usePageTitle } from '../router.ts'
import { INCIDENT_BADGE, valueText, windowsText } from '../text/incidents.ts'
import type { Me } from '../types.ts'
import { useData } from '../use-data.ts'

const HOUR = 3_600_000
/** The machine's plots around a window. */
const around = (site: string, asset: string, windowEnd: string): string =>
  `/twins/${site}/${encodeURIComponent(asset)}?from=${Date.parse(windowEnd) - HOUR}&to=${Date.parse(windowEnd) + HOUR}`

/** One trouble: what differed, which windows show it, and what people said about it. */
export function IncidentPage({ id, me }: { id: string; me: Me }) {
  const { data: incident, error, at, reload } = useData(() => get<IncidentDetail>(`/v1/incidents/${id}`), `incident ${id}`)
  usePageTitle(incident ? `Incident: ${incident.asset ?? incident.release}` : 'Incident')
  if (!incident) return <Waiting error={error} what="Incident" back={{ href: '/incidents', label: 'All incidents' }} />
  const { site, asset, release, firstDifference: first, firstWindows, windows } = incident
  return (
    <>
      <div class="head">
        <div class="trail"><a href="/incidents">Incidents</a> › {site} › {incident.family}{asset !== null && <> › <a href={`/twins/${site}/${asset}`}>{asset}</a></>}</div>
        <h1>{incident.summary}</h1><Badge kind={INCIDENT_BADGE[incident.state]}>{incident.state}</Badge>
      </div>
      <Notice error={error} at={at} />
      <div class="grid">
        <Panel title={`What differs: ${first.what}`}>
          <div class="beside">
            <figure><figcaption class="soft">Stored</figcaption><pre class="document">{valueText(first.stored)}</pre></figure>
            <figure><figcaption class="soft">Recomputed</figcaption><pre class="document">{valueText(first.recomputed)}</pre></figure>
          </div>
          <dl class="facts">
            <dt>First at</dt><dd><span class="mono">score {first.scoreId}</span>, window to <When at={first.windowEnd} /></dd>
            <dt>Judged by</dt><dd class="mono">{release}</dd>
            <dt>Model</dt><dd class="mono">{incident.model}</dd>
            <dt>Compared</dt><dd>{first.comparison === 'exact' ? 'to the bit, in the runtime of then' : <>within the model’s tolerance: runtime of then <span class="mono">{shortDigest(first.runtime.then)}</span>, of now <span class="mono">{shortDigest(first.runtime.now)}</span></>}</dd>
          </dl>
          {me.rights.includes('score.replay') && <ReplayAgain site={site} scoreId={first.scoreId} onDone={reload} />}
        </Panel>
        <AnswerIncident incident={incident} me={me} onDone={reload} />
        <Panel title="Windows that show it" aside={<span class="soft">{windowsText(incident)}{windows > firstWindows.length && `; the first ${firstWindows.length}`}</span>} wide>
          <Table label="Windows that show it" compact rows={firstWindows} keyOf={(one) => one.scoreId} columns={[
            { head: 'Window to', main: true, cell: (one) => <a href={around(site, one.asset, one.windowEnd)}><When at={one.windowEnd} /></a> },
            { head: 'Machine', cell: (one) => one.asset },
            { head: 'Differs', cell: (one) => one.what },
            { head: 'Score', kind: 'mono', cell: (one) => one.scoreId },
            { head: 'Replayed last', cell: (one) => <><Badge kind={one.goodAt === null ? 'failed' : 'good'}>{one.goodAt === null ? 'failed' : 'good'}</Badge> <When at={one.goodAt ?? one.failedAt} ago /></> },
          ]} />
        </Panel>
        <Panel title="What the first of them rests on" wide><LineageDrawing query={{ score: first.scoreId, site }} /></Panel>
      </div>
    </>
  )
}
