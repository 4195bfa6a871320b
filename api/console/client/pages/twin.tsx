import { useMemo } from 'preact/hooks'
import type { LocalAlarmView } from '../../../../registry/services/read/local-alarms.ts'
import { get } from '../api.ts'
import { Badge, counted, Empty, Notice, number, Panel, Tabs, Waiting, When } from '../parts/bits.tsx'
import { GapPanel } from '../parts/gap-panel.tsx'
import { LineageDrawing } from '../parts/lineage.tsx'
import { LocalAlarms } from '../parts/local-alarms.tsx'
import { ReadingPanel } from '../parts/reading-plot.tsx'
import { ScorePlot } from '../parts/score-plot.tsx'
import { Table } from '../parts/table.tsx'
import { firstSpan, rangeOf, spansOf, type Extent, type Span } from '../plot/spans.ts'
import { setParams, usePageTitle } from '../router.ts'
import { isUnanswered, stateText } from '../text/alerts.ts'
import type { AlertRow, GapEntry, Me, Page, Twin } from '../types.ts'
import { useData } from '../use-data.ts'

/** One machine: the four questions, its score against the threshold, its readings, its rules, its alerts and where they come from. */
export function TwinPage({ site, asset, url, me }: { site: string; asset: string; url: URL; me: Me }) {
  const twin = useData(() => get<Twin>(`/v1/twins/${encodeURIComponent(asset)}`, { site }), `twin ${site}/${asset}`)
  const history = useData(() => get<Page<AlertRow>>('/v1/alerts', { site, asset, limit: 50 }), `alerts of ${site}/${asset}`)
  const judging = useData(() => get<Page<{ role: string; scope: string }>>(`/v1/assets/${encodeURIComponent(asset)}/in-force`, { site }), `in force for ${site}/${asset}`, 15_000)
  const local = useData(() => get<Page<LocalAlarmView>>('/v1/local-alarms', { site, asset, limit: 20 }), `local alarms of machine ${site}/${asset}`, 15_000)
  if (!twin.data) return <Waiting error={twin.error} what="Machine" back={{ href: '/', label: 'Back to the fleet' }} />
  const t = twin.data
  const alerts = history.data?.items ?? NONE
  const canary = /^slice:(.+)$/.exec(judging.data?.items.find(({ role }) => role === 'champion')?.scope ?? '')?.[1]
  const open = alerts.filter((alert) => alert.state !== 'closed')
  const unanswered = open.find(isUnanswered)
  return (
    <>
      <Title name={t.name} />
      <div class="head">
        <div class="trail"><a href="/">Fleet</a> › {t.site} › {t.line}</div>
        <h1>{t.name}</h1>
        {t.severity ? <Badge kind={t.severity}>{t.severity}</Badge> : t.health !== null && <Badge kind="good">no open alert</Badge>}
        <span class="soft">{t.release ? <a href={`/policies/${encodeURIComponent(t.site)}/${encodeURIComponent(t.family)}`} title="Its policy, and what other levels would change">{t.family}</a> : t.family} · criticality {t.criticality}{t.release && <> · judged by <span class="mono">{t.release}</span>{canary !== undefined && <>, in the <a href={`/rollouts/${canary}`}>canary of its rollout</a></>}</>}{t.scoredAt && <> · scored through <When at={t.scoredAt} ago /></>}</span>
      </div>
      <Notice error={twin.error ?? history.error} at={twin.at} />
      {unanswered && <p class="call" data-level={unanswered.severity}><a class="button" href={`/alerts/${unanswered.id}`}>Answer {unanswered.rule}</a><span>{unanswered.recommendedAction}</span></p>}
      <div class="grid">
        <Health twin={t} />
        <Plots twin={t} alerts={alerts} url={url} />
        <Rules twin={t} />
        <Drivers twin={t} />
        <Alerts alerts={alerts} known={history.data !== undefined} />
        {(local.data?.items.length ?? 0) > 0 && <Panel title="Local alarms of its gateway" wide><LocalAlarms site={site} me={me} alarms={local.data?.items} showGateway /></Panel>}
        {alerts[0] ? <Panel title="Where the newest alert comes from" wide><LineageDrawing query={{ alert: alerts[0].id, site }} /></Panel>
          : t.scoreId && <Panel title="Where the newest score comes from" wide><LineageDrawing query={{ score: t.scoreId, site }} /></Panel>}
      </div>
    </>
  )
}
const NONE: AlertRow[] = []
const NO_GAPS: GapEntry[] = []

function Title({ name }: { name: string }) {
  usePageTitle(name)
  return null
}

function Health({ twin: { health, questions } }: { twin: Twin }) {
  const level = health === null ? 'unknown' : health >= 75 ? 'good' : health >= 50 ? 'medium' : 'high'
  return (
    <section class="panel panel-wide vital" data-level={level}>
      <div class="gauge">
        <h2>Health</h2>
        <div class="health">{health === null ? '–' : Math.round(health)}</div>
        <div class="meter" title="100: nothing comes near a rule; 50: the nearest rule raises; 0: twice that"><span style={{ width: `${health ?? 0}%` }} /></div>
        <div class="soft">{health === null ? 'not scored yet' : health < 50 ? 'past the level of a rule' : health < 75 ? 'nearing a rule' : 'no rule is near'}</div>
      </div>
      <dl class="questions">
        <div><dt>Is it drifting?</dt><dd>{questions.drifting}</dd></div>
        <div><dt>How fast?</dt><dd>{questions.howFast}</dd></div>
        <div><dt>Which failure mode?</dt><dd>{questions.failureMode}</dd></div>
        <div><dt>What to do?</dt><dd>{questions.whatToDo}</dd></div>
      </dl>
    </section>
  )
}

/** Both plots, and what is missing, over the same span of time. */
function Plots({ twin, alerts, url }: { twin: Twin; alerts: readonly AlertRow[]; url: URL }) {
  const extent = extentOf(twin)
  const [from, to] = [Number(url.searchParams.get('from')), Number(url.searchParams.get('to'))]
  const zoomed = from > 0 && to > from
  const choices = extent ? spansOf(extent) : []
  const asked = url.searchParams.get('span') as Span | null
  const span = asked && choices.includes(asked) ? asked : extent ? firstSpan(extent, twin.lane !== 'backfill') : 'all'
  const wanted = zoomed ? { from, to } : extent && rangeOf(span, extent)
  const range = useMemo(() => wanted, [wanted?.from, wanted?.to])
  const query = { site: twin.site, asset: twin.asset, limit: 200, ...(range && { from: new Date(range.from).toISOString(), to: new Date(range.to + 1).toISOString() }) }
  const gaps = useData(() => get<Page<GapEntry>>('/v1/gaps', query), `gaps of ${twin.site}/${twin.asset} ${range?.from ?? ''} ${range?.to ?? ''}`, 15_000)
  const missing = gaps.data?.items ?? NO_GAPS
  const zoom = (start: number, end: number) => setParams({ from: String(Math.floor(start)), to: String(Math.ceil(end)) })
  const choose = (choice: Span) => setParams({ span: choice, from: null, to: null })
  if (!range) {
    return <Panel title="Score against the threshold" wide><Empty title="Nothing was read yet.">A history comes in with <code>npm run twinward -- import --map MAP.yaml --asset {twin.asset} FILES</code>, live data through a gateway.</Empty></Panel>
  }
  return (
    <>
      <Panel title="Score against the threshold" wide aside={
        <div class="spans">
          {zoomed && <button type="button" onClick={() => setParams({ from: null, to: null })}>Zoom out</button>}
          {choices.length > 1 && <Tabs label="Span" choices={choices} chosen={zoomed ? null : span} onChoose={choose} />}
        </div>
      }>
        {twin.scoredAt ? <ScorePlot twin={twin} alerts={alerts} gaps={missing} range={range} onZoom={zoom} />
          : <Empty title="Nothing was scored yet.">Windows are scored once a release is in force: <code>npm run twinward -- train {twin.family} --site {twin.site} --promote</code>, then approve its gate.</Empty>}
        <p class="soft under">Each line up is ten times rarer in normal running.{twin.rules.length > 0 && !twin.rules.some((rule) => rule.signal === 'confidence') && ' No rule watches the confidence: see Rules for what they watch.'}<span class="mouse"> Drag across a plot to look closer.</span></p>
      </Panel>
      <ReadingPanel twin={twin} gaps={missing} range={range} chosen={url.searchParams.get('tag')} onZoom={zoom} />
      <GapPanel twin={twin} gaps={gaps} />
    </>
  )
}

/** From the first reading to the newest, or the newest window. */
function extentOf(twin: Twin): Extent | null {
  const times = [...twin.tags.flatMap((tag) => [tag.firstAt, tag.at]), twin.scoredAt].flatMap((at) => (at === null ? [] : [Date.parse(at)]))
  return times.length === 0 ? null : { from: Math.min(...times), to: Math.max(...times) }
}

const PHASES: Readonly<Record<string, { kind: string; text: string }>> = {
  normal: { kind: 'good', text: 'normal' }, pending: { kind: 'medium', text: 'pending: waits out its delay' },
  active: { kind: 'high', text: 'in force' }, clearing: { kind: 'medium', text: 'in force, clearing' },
}

function Rules({ twin }: { twin: Twin }) {
  return (
    <Panel title="Rules">
      {twin.rules.length === 0 ? <Empty title="No rule judges it.">Rules come with the policy of the release in force.</Empty> : (
        <Table label="Rules" rows={twin.rules} keyOf={(rule) => rule.id} columns={[
          { head: 'Rule', main: true, cell: (rule) => rule.id },
          { head: 'Watches', cell: (rule) => rule.signal.replace('feature:', '') },
          { head: 'Now', kind: 'num', cell: (rule) => (rule.signal === 'confidence' && (rule.value ?? 0) > 0.99999 ? '> 0.99999' : number(rule.value)) },
          { head: 'Raises at', kind: 'num', cell: (rule) => number(rule.raiseAt) },
          { head: 'State', cell: (rule) => <Badge kind={PHASES[rule.state]?.kind ?? 'unknown'}>{PHASES[rule.state]?.text ?? rule.state}</Badge> },
        ]} />
      )}
    </Panel>
  )
}

function Drivers({ twin }: { twin: Twin }) {
  const drivers = twin.drivers.filter(({ share }) => share >= 0.005)
  return (
    <Panel title="What the newest score is made of">
      {drivers.length === 0 ? <Empty title="Nothing was scored yet." /> : (
        <ul class="bars">{drivers.map(({ feature, share }) => (
          <li key={feature}><span>{feature}</span><span class="bar"><span style={{ width: `${Math.max(1, share * 100)}%` }} /></span><span class="num">{Math.round(share * 100)} %</span></li>
        ))}</ul>
      )}
    </Panel>
  )
}

function Alerts({ alerts, known }: { alerts: readonly AlertRow[]; known: boolean }) {
  return (
    <Panel title="Alerts" wide aside={alerts.length > 0 && <span class="soft">{counted(alerts.length, 'episode')}</span>}>
      {known && alerts.length === 0 && <Empty title="None so far." />}
      {alerts.length > 0 && <Table label="Alerts" rows={alerts} keyOf={(alert) => alert.id} columns={[
        { head: 'Alert', main: true, cell: (alert) => <><a class="whole" href={`/alerts/${alert.id}`}>{alert.rule}</a> <Badge kind={alert.severity}>{alert.severity}</Badge></> },
        { head: 'Raised', cell: (alert) => <When at={alert.raisedAt} ago /> },
        { head: 'State', cell: (alert) => <Badge kind={alert.state}>{stateText(alert.state)}</Badge> },
        { head: 'What to do', cell: (alert) => alert.recommendedAction },
      ]} />}
    </Panel>
  )
}
