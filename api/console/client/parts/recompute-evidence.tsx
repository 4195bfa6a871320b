import { useState } from 'preact/hooks'
import { post } from '../api.ts'
import { go } from '../router.ts'
import type { GateDetail } from '../types.ts'
import { counted } from './bits.tsx'

/** New data does not void evidence, but whoever decides should know how much they do not see. */
export function ageText(age: GateDetail['evidenceAge']): string {
  if (!age) return ''
  const days = Math.floor(age.days)
  return `, ${days < 1 ? 'less than a day' : counted(days, 'day')} old${age.commitsBehind === null ? '' : `, ${counted(age.commitsBehind, 'commit')} behind`}`
}

/** The gate that takes this one's place is where its reader goes on. */
export function RecomputeEvidence({ gate }: { gate: GateDetail }) {
  const [failure, setFailure] = useState('')
  const [busy, setBusy] = useState(false)
  const recompute = () => {
    setBusy(true)
    setFailure('')
    post<{ gate: string }>(`/v1/gates/${gate.id}/recompute`, {}, { site: gate.site }).then((next) => { go(`/gates/${next.gate}`) }, (cause: unknown) => { setFailure((cause as Error).message); setBusy(false) })
  }
  return (
    <>
      {failure && <p class="notice" role="alert">{failure}</p>}
      <p class="under"><button type="button" disabled={busy} onClick={recompute}>Recompute evidence</button> <span class="soft">{gate.approvals > 0 && `voids ${counted(gate.approvals, 'approval')} and `}goes on at a new gate · <a href={`/policies/${encodeURIComponent(gate.site)}/${encodeURIComponent(gate.family)}`}>try other levels</a></span></p>
    </>
  )
}
