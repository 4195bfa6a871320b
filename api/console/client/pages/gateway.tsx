import { useState } from 'preact/hooks'
import type { CertificateView } from '../../../../registry/services/read/gateway-certificates.ts'
import type { GatewayJudgement } from '../../../../registry/services/read/gateway-judgement.ts'
import type { GatewayDetail } from '../../../../registry/services/read/gateways.ts'
import type { LocalAlarmView } from '../../../../registry/services/read/local-alarms.ts'
import { get } from '../api.ts'
import { Ago, Badge, counted, Empty, Notice, Panel, Waiting, When } from '../parts/bits.tsx'
import { EnrolmentToken, type Enrolment } from '../parts/enrol-gateway.tsx'
import { LocalAlarms } from '../parts/local-alarms.tsx'
import { Recalls } from '../parts/recall.tsx'
import { Table } from '../parts/table.tsx'
import { WithWhy } from '../parts/with-why.tsx'
import { usePageTitle } from '../router.ts'
import { GATEWAY_BADGE, gatewayWord, sizeText, skewText } from '../text/gateways.ts'
import type { Me, Page } from '../types.ts'
import { useData } from '../use-data.ts'
import { Failure, useSend } from '../use-send.tsx'
import { Certificate } from './gateways.tsx'

/** One box: how it is by its own word, who it is, what judges there, what it raised. */
export function GatewayPage({ site, id, me }: { site: string; id: string; me: Me }) {
  const path = `/v1/gateways/${encodeURIComponent(id)}`
  const name = `${site}/${id}`
  const gateway = useData(() => get<GatewayDetail>(path, { site }), `gateway ${name}`)
  const certificates = useData(() => get<Page<CertificateView>>(`${path}/certificates`, { site, limit: 20 }), `certificates of ${name}`, 15_000)
  const judgement = useData(() => get<GatewayJudgement>(`${path}/judgement`, { site }), `judgement of ${name}`, 15_000)
  const alarms = useData(() => get<Page<LocalAlarmView>>('/v1/local-alarms', { site, gateway: id, limit: 50 }), `local alarms of ${name}`)
  if (!gateway.data) return <Waiting error={gateway.error} what="Gateway" back={{ href: '/gateways', label: 'Back to the gateways' }} />
  const g = gateway.data
  return (
    <>
      <Title name={id} />
      <div class="head">
        <div class="trail"><a href="/gateways">Gateways</a> › {site}</div>
        <h1>{id}</h1>
        <Badge kind={GATEWAY_BADGE[gatewayWord(g)]}>{gatewayWord(g)}</Badge>
        <span class="soft">seen <Ago at={g.lastSeenAt} />{g.version !== null && <> · version {g.version}</>}{g.startedAt && <> · runs since <When at={g.startedAt} ago /></>} · clock {skewText(g.clockSkewUs)}</span>
      </div>
      <Notice error={gateway.error} at={gateway.at} />
      {g.problems.map((problem) => <p class="notice" key={problem}>{problem}</p>)}
      <div class="grid">
        <Panel title="Buffer">
          <dl class="facts">
            <dt>Waiting</dt><dd>{g.bufferedRows === null ? '–' : `${g.bufferedRows.toLocaleString('en')} readings, ${sizeText(g.bufferedBytes)}`}</dd>
            <dt>Oldest</dt><dd>{g.oldestBufferedAt === null ? '–' : <Ago at={g.oldestBufferedAt} />}</dd>
            <dt>Lost ever</dt><dd>{g.status === null ? '–' : `${g.status.buffer.lostRows.toLocaleString('en')} readings`}</dd>
            <dt>Comes in, goes out</dt><dd>{g.status === null ? '–' : `${g.status.rate.inPerSec} and ${g.status.rate.acknowledgedPerSec} a second`}</dd>
            <dt>Open gaps</dt><dd>{g.openGaps}</dd>
          </dl>
        </Panel>
        <Panel title="Who it is" aside={<Certificate notAfter={g.certificateNotAfter} />}>
          <Identity site={site} id={id} me={me} certificates={certificates.data?.items ?? []} known={certificates.data !== undefined} revoked={g.revoked} />
        </Panel>
        <Panel title="Connectors" wide>
          {(g.status?.connectors.length ?? 0) === 0 ? <Empty title="It has told of none." /> : <Table label="Connectors" rows={g.status?.connectors ?? []} keyOf={(one) => one.id} columns={[
            { head: 'Source', main: true, cell: (one) => one.id }, { head: 'Protocol', cell: (one) => one.type },
            { head: 'State', cell: (one) => <><Badge kind={one.state === 'ok' ? 'good' : one.state === 'down' ? 'high' : 'medium'}>{one.state}</Badge>{one.detail && <span class="soft"> {one.detail}</span>}</> },
            { head: 'Last reading', cell: (one) => <When at={one.lastReadingUs === null ? null : new Date(one.lastReadingUs / 1000).toISOString()} ago /> },
          ]} />}
        </Panel>
        <Judged judgement={judgement.data} />
        <Recalls site={site} gateway={id} me={me} />
        <Panel title="Local alarms" wide aside={<span class="soft">{counted(alarms.data?.items.length ?? 0, 'episode')}</span>}>
          <LocalAlarms site={site} me={me} alarms={alarms.data?.items} showGateway={false} />
        </Panel>
      </div>
    </>
  )
}

function Title({ name }: { name: string }) {
  usePageTitle(name)
  return null
}

function Judged({ judgement }: { judgement: GatewayJudgement | undefined }) {
  return (
    <Panel title="What judges there" wide>
      {judgement && judgement.machines.length === 0 && <Empty title="Nothing is judged there.">{judgement.trustedKeys.length === 0 ? <>It trusts no platform’s key: <code>edge trust platform.pem --for site.yaml</code> on the box.</> : 'It gets the releases of its machines once they are in force.'}</Empty>}
      {judgement?.orders.filter(({ state }) => state === 'refused').slice(0, 3).map((order) => <p class="notice" key={order.id}>{order.release ?? 'A release'} was refused: {order.detail}</p>)}
      {judgement && judgement.machines.length > 0 && <Table label="What judges there" rows={judgement.machines} keyOf={(one) => one.asset} columns={[
        { head: 'Machine', main: true, cell: (one) => one.asset }, { head: 'Release', cell: (one) => <span class="mono">{one.release ?? 'unknown here'}</span> }, { head: 'Issue', kind: 'num', cell: (one) => one.issue },
        { head: 'Comes to the same', cell: (one) => <Agreement of={judgement.compared.filter((compared) => compared.asset === one.asset && compared.issue === one.issue)} /> },
      ]} />}
    </Panel>
  )
}

function Agreement({ of }: { of: GatewayJudgement['compared'] }) {
  const sum = (pick: (one: GatewayJudgement['compared'][number]) => number) => of.reduce((total, one) => total + pick(one), 0)
  const [agreeing, differing] = [sum((one) => one.agreeing), sum((one) => one.differing)]
  if (agreeing + differing === 0) return <span class="soft">not compared yet</span>
  return <>{differing > 0 ? <Badge kind="high">{counted(differing, 'window')} differ</Badge> : <Badge kind="good">all</Badge>} <span class="soft">of {(agreeing + differing).toLocaleString('en')}</span></>
}

/** Its certificates; a token for a new box, and shutting it out. */
function Identity({ site, id, me, certificates, known, revoked }: { site: string; id: string; me: Me; certificates: readonly CertificateView[]; known: boolean; revoked: boolean }) {
  const sending = useSend({ site })
  const [token, setToken] = useState<Enrolment | null>(null)
  const [told, setTold] = useState(false)
  const renewable = certificates.some(({ state }) => state === 'valid')
  const path = `/v1/gateways/${encodeURIComponent(id)}`
  return (
    <>
      {known && certificates.length === 0 && <Empty title="It has shown no certificate.">It comes in by the broker’s password, as an embedded one does.</Empty>}
      {certificates.slice(0, 5).map((one) => (
        <p key={one.id}><Badge kind={one.state === 'valid' ? 'good' : 'unknown'}>{one.state}</Badge> <span class="mono" title={one.fingerprint}>{one.serial.slice(0, 12)}</span> <span class="soft">until <When at={one.notAfter} />{one.lastUsedAt && <>, used <Ago at={one.lastUsedAt} />{one.lastAddress && <> from {one.lastAddress}</>}</>}{one.revokedBecause && <>: {one.revokedBecause}</>}</span></p>
      ))}
      {token && <EnrolmentToken of={token} />}
      <div class="actions">
        {me.rights.includes('gateway.enrol') && <button type="button" disabled={sending.busy} onClick={() => sending.send<Enrolment>(`${path}/enrolments`, {}, setToken)}>Make a token to enrol it</button>}
        {me.rights.includes('gateway.enrol') && renewable && <button type="button" disabled={sending.busy || told} onClick={() => sending.send(`${path}/renewals`, {}, () => setTold(true))}>{told ? 'It is told to exchange its key' : 'Exchange its key'}</button>}
        {me.rights.includes('gateway.revoke') && !revoked && <WithWhy ask="Shut it out…" act="Shut it out now" example="the box was stolen" sending={sending} onSend={(reason, done) => sending.send(`${path}/revoke`, { reason }, done)} />}
      </div>
      <Failure of={sending} />
    </>
  )
}
