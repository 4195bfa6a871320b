import type { IncidentView } from '../../../../registry/services/read/incidents.ts'
import type { GateRow } from '../types.ts'
import { windowsText } from '../text/incidents.ts'

const SHOWN = 3

/** On every page: what one person put in force alone, until the others have looked at it, and what was found broken, until somebody has it in hand. */
export function Banners({ emergencies, unanswered }: { emergencies: readonly GateRow[]; unanswered: readonly IncidentView[] }) {
  if (emergencies.length === 0 && unanswered.length === 0) return null
  return (
    <div class="banners" role="alert">
      {emergencies.map((gate) => (
        <a key={gate.id} href={`/gates/${gate.id}`}><strong>Emergency{gate.emergency?.review.overdue && ', review overdue'}:</strong> {gate.emergency?.by} put {gate.subject} in force alone at {gate.site}. {gate.waitingForMe ? 'You can review it.' : `Review: ${gate.wanted}.`}</a>
      ))}
      {unanswered.slice(0, SHOWN).map((incident) => (
        <a key={incident.id} href={`/incidents/${incident.id}`}><strong>Incident at {incident.site}:</strong> {incident.summary} ({windowsText(incident)}). Nobody has it in hand.</a>
      ))}
      {unanswered.length > SHOWN && <a href="/incidents">And {unanswered.length - SHOWN} more incidents that nobody has in hand.</a>}
    </div>
  )
}
