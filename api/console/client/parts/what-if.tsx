import { useState } from 'preact/hooks'
import type { WhatIfReplay } from '../../../../registry/services/replay/what-if.ts'
import { get } from '../api.ts'
import { changesOf, decisionsText, scoresText } from '../text/what-if.ts'
import type { AlertDetail, Page, Twin } from '../types.ts'
import { useData } from '../use-data.ts'
import { Failure, useSend } from '../use-send.tsx'
import { counted, When } from './bits.tsx'
import { Table } from './table.tsx'

interface Choices { models: { name: string; version: number }[]; policies: { version: number }[] }

/** What other versions would have made of an alert, from a day before its rule began to hold; nothing is written. */
export function WhatIf({ alert }: { alert: AlertDetail }) {
  const { data } = useData(() => choicesOf(alert), `what-if ${alert.site}/${alert.asset}`, 60_000)
  const [model, setModel] = useState('')
  const [policy, setPolicy] = useState('')
  const [answer, setAnswer] = useState<WhatIfReplay>()
  const sending = useSend({ site: alert.site })
  // An answer stands beside the choice that it is of, or not at all.
  const choose = (set: (value: string) => void) => (event: { currentTarget: HTMLSelectElement }) => {
    set(event.currentTarget.value)
    setAnswer(undefined)
  }
  if (!data) return <p class="loading" role="status">Loading…</p>
  const look = (event: Event) => {
    event.preventDefault()
    const [name, version] = model.split('@')
    sending.send<WhatIfReplay>(`/v1/alerts/${alert.id}/what-if`, { ...(model !== '' && { model: { name, version: Number(version) } }), ...(policy !== '' && { policyVersion: Number(policy) }) }, setAnswer)
  }
  return (
    <>
      <form class="filters" onSubmit={look}>
        <label>Model<select value={model} onChange={choose(setModel)}>
          <option value="">as then</option>{data.models.map(({ name, version }) => <option key={`${name}@${version}`}>{`${name}@${version}`}</option>)}
        </select></label>
        <label>Policy<select value={policy} onChange={choose(setPolicy)}>
          <option value="">as then</option>{data.policies.map(({ version }) => <option key={version} value={version}>version {version}</option>)}
        </select></label>
        <div class="actions"><button type="submit" disabled={sending.busy || (model === '' && policy === '')}>{sending.busy ? 'Looking…' : 'Look'}</button></div>
      </form>
      <Failure of={sending} />
      {answer && <Answer answer={answer} alert={alert.id} />}
    </>
  )
}

async function choicesOf({ site, asset }: AlertDetail): Promise<Choices> {
  const { family } = await get<Twin>(`/v1/twins/${encodeURIComponent(asset)}`, { site })
  const [models, policies] = await Promise.all([
    get<Page<Choices['models'][number]>>('/v1/models', { site, family, limit: 50 }), get<Page<Choices['policies'][number]>>('/v1/policies', { site, family, limit: 50 }),
  ])
  return { models: models.items, policies: policies.items }
}

function Answer({ answer, alert: shown }: { answer: WhatIfReplay; alert: string }) {
  const { alerts, windows, from, to, releases, under } = answer
  const changes = changesOf(answer)
  return (
    <>
      <p>{counted(windows, 'window')}, <When at={from} /> to <When at={to} />, judged then by <span class="mono">{releases.join(', ')}</span>, here by <span class="mono">{[under.model, under.policy === null ? null : `policy version ${under.policy}`].filter((each) => each !== null).join(' and ')}</span>.{answer.unmeasured > 0 && ` ${counted(answer.unmeasured, 'window')} could not be measured again.`}</p>
      <dl class="facts">
        <dt>Scores</dt><dd>{scoresText(answer)}</dd>
        <dt>Decisions</dt><dd>{decisionsText(answer)}{answer.decisions.first && <>, the first for <When at={answer.decisions.first.windowEnd} /></>}</dd>
        <dt>Alerts</dt><dd>{alerts.before} then, {alerts.after} here: {alerts.kept} kept, {alerts.moved} moved, {alerts.gained} gained, {alerts.lost} lost</dd>
      </dl>
      {changes.length > 0 && <Table label="Alerts that would change" rows={changes} keyOf={(one) => `${one.what} ${one.rule} ${one.raised} ${one.lane}`} columns={[
        { head: 'Rule', main: true, cell: (one) => <strong>{one.rule}</strong> },
        { head: 'What', cell: (one) => one.what },
        { head: 'Raised', cell: (one) => <When at={one.raised} /> },
        { head: 'Alert of then', cell: (one) => (one.alert === null ? <span class="soft">none</span> : one.alert === shown ? 'this one' : <a href={`/alerts/${one.alert}`}>look</a>) },
      ]} />}
    </>
  )
}
