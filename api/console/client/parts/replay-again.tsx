import { useState } from 'preact/hooks'
import { Failure, useSend } from '../use-send.tsx'
import { When } from './bits.tsx'

const SAID: Readonly<Record<string, string>> = { failed: 'It failed still', expired: 'What it rested on is no longer kept', exact: 'It came out well, to the bit', equivalent: 'It came out well, within the tolerance' }

/** Computes one score again, to see whether what differed still does. */
export function ReplayAgain({ site, scoreId, onDone }: { site: string; scoreId: string; onDone: () => void }) {
  const [outcome, setOutcome] = useState<{ said: string; at: string }>()
  const sending = useSend({ site })
  const again = () => sending.send<{ class: string }>(`/v1/scores/${scoreId}/replay`, {}, (replay) => {
    setOutcome({ said: SAID[replay.class] ?? replay.class, at: new Date().toISOString() })
    onDone()
  })
  return (
    <>
      <div class="actions">
        <button type="button" disabled={sending.busy} onClick={again}>{sending.busy ? 'Replaying…' : 'Replay it again'}</button>
        {outcome && <span role="status">{outcome.said}, <When at={outcome.at} ago /></span>}
      </div>
      <Failure of={sending} />
    </>
  )
}
