import { useState } from 'preact/hooks'
import type { PolicyPreview } from '../../../../registry/services/back-test/preview-policy.ts'
import { get } from '../api.ts'
import { counted, Notice, number, Panel, Waiting } from '../parts/bits.tsx'
import { ChangeTimeline } from '../parts/change-timeline.tsx'
import { FailureTable } from '../parts/failure-table.tsx'
import { LoadPlot } from '../parts/load-plot.tsx'
import { RollBack } from '../parts/roll-back.tsx'
import { usePageTitle } from '../router.ts'
import type { Me, Page } from '../types.ts'
import { useData } from '../use-data.ts'
import { Failure, useSend } from '../use-send.tsx'

interface Rule { id: string; signal: string; comparison: 'above' | 'below'; raiseAt: number; clearAt: number; onDelayUs: number; offDelayUs: number }
interface Definition { version: number; rules: Rule[] }
interface Loaded { definition: Definition; release: string }

/** The policy in force, with levels to try on stored scores; nothing here changes what judges. */
export function PolicyPage({ site, family, me }: { site: string; family: string; me: Me }) {
  usePageTitle(`Policy of ${family}`)
  const { data, error, at, reload } = useData(() => load(site, family), `policy ${site}/${family}`, 60_000)
  if (!data) return <Waiting error={error} what="Policy" back={{ href: '/gates', label: 'All gates' }} />
  return (
    <>
      <div class="head">
        <div class="trail"><a href="/gates">Gates</a> › {site} › {family}</div>
        <h1>Policy of {family}</h1><span class="soft">version {data.definition.version}, in force with <span class="mono">{data.release}</span></span>
      </div>
      <Notice error={error} at={at} />
      {me.rights.includes('release.roll-back') && <RollBack site={site} family={family} release={data.release} onDone={reload} />}
      <div class="grid"><Trial key={data.definition.version} site={site} family={family} definition={data.definition} mayTry={me.rights.includes('policy.write')} /></div>
    </>
  )
}

async function load(site: string, family: string): Promise<Loaded> {
  const inForce = await get<Page<{ role: string; release: { id: string }; policy: { version: number } }>>(`/v1/families/${encodeURIComponent(family)}/in-force`, { site })
  const champion = inForce.items.find(({ role }) => role === 'champion')
  if (!champion) throw new Error(`No release judges ${family} yet, so there are no scores to try a policy on.`)
  const policies = await get<Page<{ version: number; definition: Definition }>>('/v1/policies', { site, family, limit: 500 })
  const policy = policies.items.find(({ version }) => version === champion.policy.version)
  if (!policy) throw new Error(`Version ${champion.policy.version} of the policy is not among the newest 500.`)
  return { definition: policy.definition, release: champion.release.id }
}

const FIELDS = [
  { name: 'raiseAt', label: 'Raises at', per: 1 }, { name: 'clearAt', label: 'Clears at', per: 1 },
  { name: 'onDelayUs', label: 'On-delay, seconds', per: 1e6 }, { name: 'offDelayUs', label: 'Off-delay, seconds', per: 1e6 },
] as const

function Trial({ site, family, definition, mayTry }: { site: string; family: string; definition: Definition; mayTry: boolean }) {
  const [rules, setRules] = useState(definition.rules)
  const [days, setDays] = useState('90')
  const [preview, setPreview] = useState<PolicyPreview>()
  const sending = useSend({ site })
  const set = (id: string, name: (typeof FIELDS)[number]['name'], value: number) => setRules((old) => old.map((rule) => (rule.id === id ? { ...rule, [name]: value } : rule)))
  const submit = (event: Event) => {
    event.preventDefault()
    sending.send(`/v1/families/${encodeURIComponent(family)}/policy-preview`, { definition: { ...definition, version: definition.version + 1, rules }, days: Number(days) }, setPreview)
  }
  return (
    <>
      <Panel title={mayTry ? 'Levels to try' : 'Levels in force'} wide>
        <form class="trial" onSubmit={submit}>
          {rules.map((rule) => (
            <fieldset key={rule.id} disabled={!mayTry}>
              <legend>{rule.id} <span class="soft">{rule.signal}, {rule.comparison}</span></legend>
              {FIELDS.map(({ name, label, per }) => <label key={name}>{label}
                <input type="number" step="any" required value={rule[name] / per} onChange={(event) => set(rule.id, name, per === 1 ? Number(event.currentTarget.value) : Math.round(Number(event.currentTarget.value) * per))} />
              </label>)}
            </fieldset>
          ))}
          {mayTry
            ? <>
              <label>Days back<input type="number" min="1" max="3650" required value={days} onChange={(event) => setDays(event.currentTarget.value)} /></label>
              <div class="actions"><button type="submit" class="primary" disabled={sending.busy}>{sending.busy ? 'Trying…' : 'Try on stored scores'}</button><span class="soft">Nothing is registered, and nothing changes.</span></div>
            </>
            : <p class="soft">These are in force. Trying others takes the right policy.write, which ML and reliability engineers have.</p>}
        </form>
        <Failure of={sending} />
      </Panel>
      {preview && <>
        <Panel title="Alerts that would change" aside={<span class="soft">{counted(preview.slice.windows, 'stored score')} of {counted(preview.slice.assets.length, 'machine')}</span>} wide>
          <ChangeTimeline comparison={preview.comparison} from={preview.slice.from} to={preview.slice.to} site={site} />
        </Panel>
        <Panel title="Alert load" wide><LoadPlot load={preview.comparison.load} from={preview.slice.from} to={preview.slice.to} /></Panel>
        {preview.comparison.failures && <Panel title="Recorded failures" aside={<span class="soft">{number(preview.comparison.failures.leadHoursWon, 3)} h of lead won, {number(preview.comparison.failures.leadHoursLost, 3)} h lost</span>} wide>
          <FailureTable failures={preview.comparison.failures} />
        </Panel>}
      </>}
    </>
  )
}
