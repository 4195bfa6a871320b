import { useState } from 'preact/hooks'
import { get } from '../api.ts'
import { Badge, Empty, Notice, When } from '../parts/bits.tsx'
import type { GateRow, Page } from '../types.ts'
import { useData } from '../use-data.ts'

export function GatesPage() {
  const [all, setAll] = useState(false)
  const { data, error } = useData(() => get<Page<GateRow>>('/v1/gates', { limit: 200, state: all ? undefined : 'open' }), `gates${String(all)}`)
  return (
    <>
      <div class="head"><h1>Gates</h1>
        <div class="tabs" role="group" aria-label="Which gates"><button aria-pressed={!all} onClick={() => setAll(false)}>waiting</button><button aria-pressed={all} onClick={() => setAll(true)}>all</button></div>
        <span class="soft">Promotions and policy changes that wait for approval</span>
      </div>
      <Notice error={error} />
      <section class="panel panel-wide">
        {data && data.items.length === 0 ? <Empty>Nothing waits for approval.</Empty> : (
          <div class="scroll"><table>
            <thead><tr><th>Release</th><th>Replaces</th><th>What</th><th>State</th><th>Approvals</th><th>Requested by</th><th>Expires</th></tr></thead>
            <tbody>{data?.items.map((gate) => (
              <tr key={gate.id}>
                <td><a href={`/gates/${gate.id}`} class="mono">{gate.release}</a></td><td class="mono">{gate.replaces ?? '–'}</td><td>{gate.kind} → {gate.role}</td>
                <td><Badge kind={gate.state}>{gate.state}</Badge></td><td>{gate.approvals} of {gate.requiredApprovals}</td><td>{gate.requestedBy}</td><td><When at={gate.expiresAt} /></td>
              </tr>
            ))}</tbody>
          </table></div>
        )}
      </section>
    </>
  )
}
