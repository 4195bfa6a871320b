import { useState } from 'preact/hooks'
import { get } from '../api.ts'
import { Badge, Empty, Notice, When } from '../parts/bits.tsx'
import type { AlertRow, Page } from '../types.ts'
import { useData } from '../use-data.ts'

/** Open episodes first: one row per lifecycle, not per sample. */
export function AlertsPage() {
  const [all, setAll] = useState(false)
  const { data, error } = useData(() => get<Page<AlertRow>>('/v1/alerts', { limit: 200, state: all ? undefined : 'open' }), `alerts${String(all)}`)
  return (
    <>
      <div class="head"><h1>Alerts</h1>
        <div class="tabs" role="group" aria-label="Which alerts"><button aria-pressed={!all} onClick={() => setAll(false)}>open</button><button aria-pressed={all} onClick={() => setAll(true)}>all</button></div>
      </div>
      <Notice error={error} />
      <section class="panel panel-wide">
        {data && data.items.length === 0 ? <Empty>{all ? 'No alert so far.' : 'No open alert.'}</Empty> : (
          <div class="scroll"><table>
            <thead><tr><th>Raised</th><th>Machine</th><th>Rule</th><th>Severity</th><th>State</th><th>What to do</th></tr></thead>
            <tbody>{data?.items.map((alert) => (
              <tr key={alert.id}>
                <td><a href={`/alerts/${alert.id}`}><When at={alert.raisedAt} /></a></td>
                <td><a href={`/twins/${alert.site}/${alert.asset}`}>{alert.asset}</a></td><td>{alert.rule}</td>
                <td><Badge kind={alert.severity}>{alert.severity}</Badge></td>
                <td><Badge kind={alert.state}>{alert.state}</Badge>{alert.escalationLevel > 0 && <> <Badge kind="high">escalated {alert.escalationLevel}×</Badge></>}</td>
                <td>{alert.recommendedAction}</td>
              </tr>
            ))}</tbody>
          </table></div>
        )}
      </section>
    </>
  )
}
