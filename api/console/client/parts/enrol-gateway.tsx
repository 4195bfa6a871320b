import { useState } from 'preact/hooks'
import type { Me } from '../types.ts'
import { Failure, useSend } from '../use-send.tsx'
import { Panel, When } from './bits.tsx'

export interface Enrolment { gateway: string; token: string; expiresAt: string }

/** The token that lets a box in, once; it is nowhere else afterwards. */
export function EnrolmentToken({ of: { gateway, token, expiresAt } }: { of: Enrolment }) {
  return <div class="said"><p>For <b>{gateway}</b>: put it into a file on the box, then <code>edge enrol site.yaml --token-file FILE</code>. It works once, until <When at={expiresAt} />, and is shown this once:</p><p class="mono token">{token}</p></div>
}

/** A token for a box that has not been there before. */
export function EnrolNew({ me }: { me: Me }) {
  const only = me.sites !== '*' && me.sites.length === 1 ? me.sites[0] : undefined
  const [site, setSite] = useState(only ?? '')
  const [gateway, setGateway] = useState('')
  const [made, setMade] = useState<Enrolment | null>(null)
  const sending = useSend({ site })
  if (!me.rights.includes('gateway.enrol')) return null
  return (
    <Panel title="Enrol a gateway" wide>
      <form class="actions" onSubmit={(event) => { event.preventDefault(); sending.send<Enrolment>(`/v1/gateways/${encodeURIComponent(gateway.trim())}/enrolments`, {}, (answer) => { setMade(answer); setGateway('') }) }}>
        {only === undefined && <label>Site <input required value={site} maxLength={63} onInput={(event) => setSite(event.currentTarget.value.trim())} /></label>}
        <label>Name <input required value={gateway} maxLength={63} placeholder="as its site file says" onInput={(event) => setGateway(event.currentTarget.value)} /></label>
        <button type="submit" disabled={sending.busy || gateway.trim() === '' || site === ''}>Make a token</button>
      </form>
      {made && <EnrolmentToken of={made} />}
      <Failure of={sending} />
    </Panel>
  )
}
