import type { FleetUpdateView } from '../../../../registry/services/read/gateway-updates.ts'
import type { Me } from '../types.ts'
import { Failure, useSend } from '../use-send.tsx'
import { Badge, Panel, When } from './bits.tsx'
import { Table } from './table.tsx'
import { WithWhy } from './with-why.tsx'

const BADGE: Readonly<Record<FleetUpdateView['state'] | FleetUpdateView['gateways'][number]['state'], string>> = {
  running: 'medium', completed: 'good', stopped: 'high', failed: 'high', waiting: 'unknown', ordered: 'medium', well: 'good', done: 'good',
}

/** New programs and site files on their way over the fleet, stage by stage; the running one can be stopped. */
export function GatewayUpdates({ updates, me }: { updates: readonly FleetUpdateView[]; me: Me }) {
  if (updates.length === 0) return null
  return <Panel title="Updates of programs and site files" wide>{updates.map((update) => <Update key={update.id} update={update} me={me} />)}</Panel>
}

const nameOf = ({ kind, version }: FleetUpdateView): string => (kind === 'program' ? `Program ${version}` : `Site files, ${version}`)

function Update({ update, me }: { update: FleetUpdateView; me: Me }) {
  const sending = useSend({ site: update.site })
  const running = update.endedAt === null
  return (
    <>
      <p><b>{nameOf(update)}</b> <Badge kind={BADGE[update.state]}>{update.state}</Badge> <span class="soft">stage {update.stage + 1} of {update.stages} · {update.reason} · {update.startedBy}, <When at={update.startedAt} ago />{update.endedBecause && <> · {update.endedBecause}</>}</span></p>
      {running && <Table label={`Update: ${nameOf(update)}`} rows={update.gateways} keyOf={(one) => one.gateway} columns={[
        { head: 'Gateway', main: true, cell: (one) => <a class="whole" href={`/gateways/${encodeURIComponent(update.site)}/${encodeURIComponent(one.gateway)}`}>{one.gateway}</a> },
        { head: 'Stage', kind: 'num', cell: (one) => one.stage + 1 },
        { head: 'State', cell: (one) => <><Badge kind={BADGE[one.state]}>{one.state}</Badge>{one.detail && <span class="soft"> {one.detail}</span>}</> },
        { head: 'Told', cell: (one) => <When at={one.orderedAt} ago /> },
        { head: 'Well since', cell: (one) => <When at={one.wellSince} ago /> },
      ]} />}
      {running && me.rights.includes('gateway.update') && <div class="actions"><WithWhy ask="Stop this update…" act="Stop it now" example="a connector fails with it" sending={sending} onSend={(reason, done) => sending.send(`/v1/gateway-updates/${update.id}/stop`, { reason }, done)} /></div>}
      <Failure of={sending} />
    </>
  )
}
