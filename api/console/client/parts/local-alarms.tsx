import type { LocalAlarmView } from '../../../../registry/services/read/local-alarms.ts'
import { useState } from 'preact/hooks'
import type { Me } from '../types.ts'
import { Failure, useSend } from '../use-send.tsx'
import { Badge, Empty, When } from './bits.tsx'
import { Table } from './table.tsx'

const PLATFORM: Readonly<Record<NonNullable<LocalAlarmView['platform']>, string>> = { raised: 'same alert here', waiting: 'not come to here yet', 'not-raised': 'not raised here' }

/** Alarms that boxes raised: by rules of their site file, or by a release that judges there. */
export function LocalAlarms({ site, me, alarms, showGateway }: { site: string; me: Me; alarms: readonly LocalAlarmView[] | undefined; showGateway: boolean }) {
  const sending = useSend({ site })
  const [told, setTold] = useState<readonly string[]>([])
  if (!alarms) return null
  if (alarms.length === 0) return <Empty title="None so far.">Rules stand in the gateway’s site file, under <code>alarms</code>.</Empty>
  const mayAnswer = me.rights.includes('alert.answer')
  return (
    <>
      <Table label="Local alarms" rows={alarms} keyOf={(one) => `${one.gateway}/${one.id}`} columns={[
        { head: 'Alarm', main: true, cell: (one) => <><b>{one.asset}</b> {one.rule} <Badge kind={one.state === 'active' ? one.severity : 'unknown'}>{one.state === 'active' ? one.severity : 'over'}</Badge></> },
        { head: 'What', cell: (one) => <>{one.message}{one.judgement && <span class="soft"> · by <span class="mono">{one.judgement.release.id}</span></span>}</> },
        { head: 'Since', cell: (one) => <When at={one.since} ago /> },
        { head: 'Until', cell: (one) => <When at={one.clearedAt} /> },
        showGateway && { head: 'Gateway', cell: (one) => <a href={`/gateways/${encodeURIComponent(site)}/${encodeURIComponent(one.gateway)}`}>{one.gateway}</a> },
        { head: 'Seen to', cell: (one) => (one.acknowledged ? one.acknowledged.by : told.includes(one.id) ? <span class="soft">the box is told</span> : one.alert !== null ? <a href={`/alerts/${one.alert}`}>{PLATFORM.raised}</a>
          : <>{mayAnswer && <button type="button" disabled={sending.busy} onClick={() => sending.send(`/v1/local-alarms/${encodeURIComponent(one.gateway)}/${encodeURIComponent(one.id)}/acknowledge`, {}, () => setTold([...told, one.id]))}>See to it</button>}{one.platform && <span class="soft"> {PLATFORM[one.platform]}</span>}</>) },
      ]} />
      <Failure of={sending} />
    </>
  )
}
