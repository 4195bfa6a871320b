import { demoFamily } from '../definitions.ts'
import type { Demo } from '../context.ts'
import { runOperation } from '../operation.ts'
import { waitFor } from '../wait.ts'
import { promote } from './promote.ts'

/** Compares the newest windows with the frozen reference; drift starts a retraining that says so, and its release passes the gate too. */
export async function checkDrift(demo: Demo): Promise<{ verdict: string; release: string }> {
  const { people, narrator, plant } = demo
  const site = plant.site
  const check = await runOperation(people.mia, site, { kind: 'check-drift', family: demoFamily, mayRetrain: true }, narrator)
  const { verdict, report, retraining } = check.result as { verdict: string; report: string; retraining: string | null }
  const { features } = await people.mia.get<{ features: { feature: string; verdict: string; psi: number | null }[] }>(`/v1/drift-reports/${report}`, { site })
  const drifted = features.filter((one) => one.verdict === 'drift').map((one) => one.feature)
  narrator.say(`Verdict: ${verdict}${drifted.length > 0 ? ` in ${drifted.slice(0, 4).join(', ')}${drifted.length > 4 ? ` and ${drifted.length - 4} more` : ''}` : ''} (KS and PSI agree, false discoveries held at 5 %).`)
  if (retraining === null) throw new Error('A bearing failed in these weeks, and no drift was found.')
  const operation = await waitFor('the retraining that drift started', async () => {
    const state = await people.mia.get<{ state: string; error: unknown; progress: Record<string, unknown>; result: { release: string; gate: string | null } | null }>(`/v1/operations/${retraining}`, { site })
    if (state.state === 'failed') throw new Error(`Retraining failed: ${JSON.stringify(state.error)}`)
    narrator.progress(`retraining ${state.state}`)
    return state.state === 'succeeded' && state.result ? state.result : undefined
  })
  narrator.say(`Drift started a retraining, with that as its reason: release ${operation.release}.`)
  const gate = operation.gate ?? (await people.mia.post<{ gate: string }>('/v1/gates', { release: operation.release, reason: 'retrained after drift' }, { site })).gate
  await promote(demo, gate)
  return { verdict, release: operation.release }
}
