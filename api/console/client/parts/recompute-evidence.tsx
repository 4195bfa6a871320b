import { go } from '../router.ts'
import type { GateDetail } from '../types.ts'
import { Failure, useSend } from '../use-send.tsx'
import { counted } from './bits.tsx'

/** New data does not void evidence, but whoever decides should know how much they do not see. */
export function ageText(age: GateDetail['evidenceAge']): string {
  if (!age) return ''
  const days = Math.floor(age.days)
  return `, ${days < 1 ? 'less than a day' : counted(days, 'day')} old${age.commitsBehind === null ? '' : `, ${counted(age.commitsBehind, 'commit')} behind`}`
}

/** The gate that takes this one's place is where its reader goes on. */
export function RecomputeEvidence({ gate }: { gate: GateDetail }) {
  const sending = useSend({ site: gate.site })
  return (
    <>
      <Failure of={sending} />
      <p class="under"><button type="button" disabled={sending.busy}
        onClick={() => sending.send<{ gate: string }>(`/v1/gates/${gate.id}/recompute`, {}, (next) => go(`/gates/${next.gate}`))}>Recompute evidence</button> <span class="soft">{gate.approvals > 0 && `voids ${counted(gate.approvals, 'approval')} and `}goes on at a new gate · <a href={`/policies/${encodeURIComponent(gate.site)}/${encodeURIComponent(gate.family)}`}>try other levels</a></span></p>
    </>
  )
}
