import type { ImportOutcome } from '../../registry/services/import-assets.ts'
import { counted } from '../../registry/domain/counted.ts'
import type { ApiClient } from './api-client.ts'
import type { Printer } from './print.ts'

/** Hands the platform a document of sites, machines and tags, and says what came of it. */
export async function registerAssets(document: unknown, api: ApiClient, print: Printer): Promise<void> {
  const answer = await api.post<ImportOutcome>('/v1/assets/import', document)
  print.line(describeRegistration(answer))
  print.document(answer)
}

function describeRegistration({ site, areas, lines, assets, components, tags, familiesMade, changed }: ImportOutcome): string {
  const named = [counted(areas, 'area'), counted(lines, 'line'), counted(assets, 'asset'), counted(components, 'component'), counted(tags, 'tag')].join(', ')
  if (!changed) return `Site ${site} has all of it already (${named}); nothing changed.`
  return `Registered at site ${site}: ${named}.${familiesMade.length > 0 ? ` New families, with the default rules: ${familiesMade.join(', ')}.` : ''}`
}
