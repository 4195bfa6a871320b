import { incidentText } from '../../domain/incidents/incident.ts'
import type { IncidentRow } from '../../store/incidents.ts'

/** What ledger, audit and bus say of an incident. */
export const factsOf = ({ incidentId, kind, family, asset, release, model, first, windows }: IncidentRow) => ({
  incident: incidentId, kind, family, asset, release, model: `${model.name}@${model.version}`, windows, summary: summaryOf({ asset, release, first }), firstDifference: first,
})

export const summaryOf = ({ asset, release, first }: Pick<IncidentRow, 'asset' | 'release' | 'first'>): string =>
  incidentText({ asset, release, comparison: first.comparison, what: first.what })
