import { useState } from 'preact/hooks'
import { get } from '../api.ts'
import { Badge, Empty, Notice, Panel, When } from '../parts/bits.tsx'
import { Table } from '../parts/table.tsx'
import { usePageTitle } from '../router.ts'
import { coversSeveral } from '../text/sites.ts'
import type { Delegation, Me, Page } from '../types.ts'
import { useData } from '../use-data.ts'
import { Failure, useSend } from '../use-send.tsx'

/** Who decides at gates for whom; here people give their own away, and take it back. */
export function DelegationsPage({ me }: { me: Me }) {
  usePageTitle('Delegations')
  const { data, error, at, reload } = useData(() => get<Page<Delegation>>('/v1/delegations', { limit: 100 }), 'delegations')
  const mayEnd = (one: Delegation) => one.state === 'running' && (one.delegator === me.id || one.delegate === me.id || me.roles.includes('admin'))
  return (
    <>
      <div class="head"><div class="trail"><a href="/gates">Gates</a></div><h1>Delegations</h1><span class="soft">Who decides at gates for whom, until when</span></div>
      <Notice error={error} at={at} />
      <div class="grid">
        {me.rights.includes('gate.decide') && <Panel title="Let somebody decide for you" wide><Give me={me} onDone={reload} /></Panel>}
        <section class="panel panel-wide">
          {!data && !error && <p class="loading" role="status">Loading…</p>}
          {data && data.items.length === 0 && <Empty title="Nobody decides for anybody.">Before a holiday, let a colleague approve for you until you are back.</Empty>}
          {data && data.items.length > 0 && <Table label="Delegations" rows={data.items} keyOf={(one) => one.id} columns={[
            { head: 'Who for whom', main: true, cell: (one) => <><strong>{one.delegate}</strong> for <strong>{one.delegator}</strong></> },
            coversSeveral(me) && { head: 'Site', cell: (one) => one.site },
            { head: 'Family', cell: (one) => one.family ?? 'every family' },
            { head: 'Until', cell: (one) => <When at={one.until} ago /> },
            { head: 'Why', cell: (one) => one.reason },
            { head: 'State', cell: (one) => <Badge kind={one.state === 'running' ? 'open' : 'withdrawn'}>{one.state}</Badge> },
            { head: 'End it', cell: (one) => (mayEnd(one) ? <Revoke one={one} onDone={reload} /> : <span class="soft">–</span>) },
          ]} />}
        </section>
      </div>
    </>
  )
}

function Revoke({ one: { id, site }, onDone }: { one: Delegation; onDone: () => void }) {
  const sending = useSend({ site })
  return <><Failure of={sending} /><button type="button" disabled={sending.busy} onClick={() => sending.send(`/v1/delegations/${id}/revoke`, {}, onDone)}>Revoke</button></>
}

function Give({ me, onDone }: { me: Me; onDone: () => void }) {
  const [to, setTo] = useState('')
  const [until, setUntil] = useState('')
  const [family, setFamily] = useState('')
  const [reason, setReason] = useState('')
  const [site, setSite] = useState('')
  const several = coversSeveral(me)
  const sending = useSend(several ? { site: site.trim() } : undefined)
  const give = () => {
    // The end of that day, wherever the reader is.
    const end = new Date(`${until}T23:59:59`).toISOString()
    sending.send('/v1/delegations', { to: to.trim(), until: end, reason: reason.trim(), family: family.trim() === '' ? null : family.trim() }, () => { setTo(''); setReason(''); onDone() })
  }
  const ready = to.trim() !== '' && until !== '' && reason.trim() !== '' && (!several || site.trim() !== '')
  return (
    <form class="say" onSubmit={(event) => { event.preventDefault(); give() }}>
      <Failure of={sending} />
      <div class="filters">
        {several && <label>Site<input value={site} onInput={(event) => setSite(event.currentTarget.value)} /></label>}
        <label>To<input value={to} onInput={(event) => setTo(event.currentTarget.value)} placeholder="actor" /></label>
        <label>Until the end of<input type="date" value={until} onInput={(event) => setUntil(event.currentTarget.value)} /></label>
        <label>Family<input value={family} onInput={(event) => setFamily(event.currentTarget.value)} placeholder="every family" /></label>
        <label>Why<input value={reason} onInput={(event) => setReason(event.currentTarget.value)} placeholder="e.g. on holiday" /></label>
      </div>
      <div class="actions"><button type="submit" class="primary" disabled={sending.busy || !ready}>Delegate</button><span class="soft">What you requested or made, they cannot approve in your name.</span></div>
    </form>
  )
}
