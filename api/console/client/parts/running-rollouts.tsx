import { get } from '../api.ts'
import type { Page, RolloutRow } from '../types.ts'
import { useData } from '../use-data.ts'
import { Badge, When } from './bits.tsx'

/** Releases on their way into force; nothing where there are none. */
export function RunningRollouts() {
  const { data } = useData(() => get<Page<RolloutRow>>('/v1/rollouts', { state: 'running', limit: 100 }), 'rollouts running')
  if (!data || data.items.length === 0) return null
  return (
    <section class="panel panel-wide rollouts" aria-label="On their way into force">
      <header><h2>On their way into force</h2></header>
      <ul class="plain">{data.items.map(({ id, release, site, family, stage, stageSince, ready }) => (
        <li key={id}>
          <a href={`/rollouts/${id}`} class="mono">{release}</a> <Badge kind="open">{stage}</Badge> {ready && <Badge kind="medium">waits for somebody to go on</Badge>}
          <span class="soft"> {site} › {family}, at {stage} since <When at={stageSince} ago /></span>
        </li>
      ))}</ul>
    </section>
  )
}
