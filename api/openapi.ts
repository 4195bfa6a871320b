import type { OpenAPIHono } from '@hono/zod-openapi'
import { tags } from './endpoint.ts'
import type { ApiEnv } from './env.ts'
import { SESSION_COOKIE } from './session.ts'

const description = `
Every operation takes an API key (\`Authorization: Bearer <key>\`) and answers JSON; refusals are problem documents (RFC 9457)
whose \`type\` ends in a stable code. Times are RFC 3339 instants in UTC with up to six decimals. Lists come in pages of at most
500: ask again with \`cursor\` set to \`nextCursor\` until that is null. A POST with an \`Idempotency-Key\` may be repeated safely.
A key that covers several sites names one with \`?site=\`.
`.trim()

const tagTexts: Record<(typeof tags)[number], string> = {
  Plant: 'Sites, assets, tags, families, and what maintenance did',
  Data: 'Readings, waveforms, features; what arrived and what was quarantined',
  Twins: 'One machine as it stands: drifting? how fast? which failure mode? what to do?',
  Models: 'Feature sets, datasets, model versions, releases, drift',
  Governance: 'Gates, policies, assignments, roll back, and the ledger',
  Alerts: 'Alert episodes and what people do about them (ISA-18.2)',
  Operations: 'Long work: start, watch, cancel',
  Access: 'Who may do what',
  Platform: 'Health of the platform’s parts',
}

/** The OpenAPI 3.1 document, from the very schemas that validate. */
export function describeApi(app: OpenAPIHono<ApiEnv>, version: string) {
  app.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', { type: 'http', scheme: 'bearer', description: 'An API key' })
  app.openAPIRegistry.registerComponent('securitySchemes', 'session', {
    type: 'apiKey', in: 'cookie', name: SESSION_COOKIE, description: 'The console’s session, made by POST /v1/session',
  })
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Twinward', version, description, license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' } },
    servers: [{ url: '/' }],
    tags: tags.map((name) => ({ name, description: tagTexts[name] })),
  })
}
