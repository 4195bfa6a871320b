import { spanText } from '../../../../registry/domain/rollout/plan-text.ts'
import { get } from '../api.ts'
import { Badge, counted, Empty, Notice, Panel, Waiting, When } from '../parts/bits.tsx'
import { GuardList } from '../parts/guard-list.tsx'
import { SteerRollout } from '../parts/steer-rollout.tsx'
import { usePageTitle } from '../router.ts'
import { ENDED } from '../text/rollouts.ts'
import type { Me, RolloutDetail } from '../types.ts'
import { useData } from '../use-data.ts'

const STAGE_TEXT = { shadow: 'scores beside the champion, calls nobody', canary: 'judges a slice of the machines', champion: 'judges all' } as const
const HOW = { running: 'Running', completed: 'Completed', stopped: 'Stopped', 'rolled-back': 'Rolled back by its guards', superseded: 'Gave way to another' } as const

/** A release on its way into force: which stage, what its guards see, and the way back. */
export function RolloutPage({ id, me }: { id: string; me: Me }) {
  const { data: rollout, error, at, reload } = useData(() => get<RolloutDetail>(`/v1/rollouts/${id}`), `rollout ${id}`)
  const title = rollout ? `${rollout.release} on its way` : 'Rollout'
  usePageTitle(title)
  if (!rollout) return <Waiting error={error} what="Rollout" back={{ href: '/gates', label: 'All gates' }} />
  const { state, stage, plan, checks } = rollout
  return (
    <>
      <div class="head">
        <div class="trail"><a href="/gates">Gates</a> › <a href="/rollouts">Rollouts</a> › {rollout.site} › {rollout.family} › <a href={`/gates/${id}`}>its gate</a></div>
        <h1>{rollout.release}</h1><Badge kind={state === 'running' ? 'open' : ENDED[state]}>{state === 'running' ? stage : state}</Badge>
        <span class="soft">{rollout.former === null ? 'nothing judged before it' : <>instead of <span class="mono">{rollout.former}</span></>}, for {rollout.scope.replace(':', ' ')}</span>
      </div>
      <Notice error={error} at={at} />
      {rollout.endedBecause !== null && <section class={state === 'rolled-back' ? 'now' : 'now now-calm'} aria-label="How it ended"><strong>{HOW[state]} at {stage}{state === 'stopped' && ` by ${rollout.endedBy ?? ''}`}, <When at={rollout.endedAt} ago />.</strong> <span>{rollout.endedBecause}</span></section>}
      <div class="grid">
        <Panel title="Stages" wide>
          <ol class="stages">{rollout.stages.map((step) => {
            const [mine, current] = [rollout.stages.indexOf(step), rollout.stages.indexOf(stage)]
            const where = mine < current || state === 'completed' ? 'done' : mine > current ? 'ahead' : state === 'running' ? 'here' : 'ended'
            const dwell = plan[step]?.dwellSeconds
            return (
              <li key={step} class={`stage stage-${where}`} aria-current={where === 'here' ? 'step' : undefined}>
                <strong>{step}</strong><span>{STAGE_TEXT[step]}</span>
                <span class="soft">{dwell === undefined ? 'not watched' : `${step === 'champion' ? 'watched for' : 'for'} ${spanText(dwell)}`}{(plan[step]?.minWindows ?? 0) > 0 && `, ${counted(plan[step]?.minWindows ?? 0, 'window')} at least`}</span>
                {step === 'canary' && plan.canary && <details><summary>{counted(plan.canary.assets.length, 'machine')}</summary><ul class="plain">{plan.canary.assets.map((asset) => <li key={asset}><a href={`/twins/${rollout.site}/${asset}`}>{asset}</a></li>)}</ul></details>}
                {where === 'here' && <span>since <When at={rollout.stageSince} ago />, {Date.parse(rollout.stageThrough) > Date.now() ? 'until' : 'long enough since'} <When at={rollout.stageThrough} ago /></span>}
              </li>
            )
          })}</ol>
          {state === 'running' && <SteerRollout rollout={rollout} me={me} onDone={reload} />}
        </Panel>
        <Panel title="What its guards see" wide>
          {checks.length === 0 ? <Empty title="They have not looked yet.">They look every {spanText(plan.checkEverySeconds)}.</Empty> : <GuardList checks={checks} site={rollout.site} />}
        </Panel>
      </div>
    </>
  )
}
