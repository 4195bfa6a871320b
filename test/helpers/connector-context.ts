import { pino } from 'pino'
import type { ConnectorContext, ConnectorTag } from '../../edge/connectors/kind.ts'
import { tagMapSchema } from '../../edge/tag-map.ts'

/** A connector's surroundings, with these addresses mapped one to a tag each. */
export function connectorContext(
  tags: readonly (string | (Partial<ConnectorTag> & { readonly address: string }))[],
  over: Partial<ConnectorContext> = {},
): ConnectorContext {
  const full = tags.map((tag, index): ConnectorTag => {
    const given = typeof tag === 'string' ? { address: tag } : tag
    return { tag: `machine-1/tag-${index}`, kind: 'scalar', everyMs: null, deadband: null, ...given }
  })
  return {
    id: 'source-1',
    map: tagMapSchema.parse({ version: 1, tags: full.map(({ address, tag, kind }) => ({ address, tag, kind, unit: '1', canonicalUnit: '1' })) }),
    tags: full,
    directory: '/nonexistent',
    secret: () => { throw new Error('this test has no secrets') },
    log: pino({ level: 'silent' }),
    nowUs: () => Date.now() * 1_000,
    ...over,
  }
}
