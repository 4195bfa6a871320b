import type { Command } from 'commander'
import { openContext } from '../context.ts'

interface Page<T> { items: T[]; nextCursor: string | null }

interface List { name: string; path: string; columns: readonly string[]; show?: (row: Row) => Row }
type Row = Record<string, unknown>

const showRelease = (row: Row): Row => {
  const { model, policy } = row as { model: { name: string; version: number }; policy: { version: number } }
  return { ...row, model: `${model.name}@${model.version}`, policy: `version ${policy.version}` }
}

/** Lists and single documents: each resource of the API that an operator looks at from a terminal. */
const lists: readonly List[] = [
  { name: 'assets', path: '/v1/assets', columns: ['id', 'name', 'family', 'line', 'owner'] },
  { name: 'models', path: '/v1/models', columns: ['name', 'version', 'kind', 'createdAt', 'reason'] },
  { name: 'releases', path: '/v1/releases', columns: ['id', 'family', 'model', 'policy', 'createdAt'], show: showRelease },
  { name: 'assignments', path: '/v1/assignments', columns: ['family', 'release', 'role', 'scope', 'from', 'to', 'assignedBy', 'reason'] },
  { name: 'alerts', path: '/v1/alerts', columns: ['id', 'asset', 'rule', 'severity', 'state', 'raisedAt'] },
  { name: 'drift-reports', path: '/v1/drift-reports', columns: ['id', 'family', 'release', 'verdict', 'retraining', 'createdAt'] },
  { name: 'operations', path: '/v1/operations', columns: ['id', 'kind', 'state', 'requestedBy', 'createdAt'] },
  { name: 'quarantine', path: '/v1/quarantine', columns: ['id', 'gateway', 'sequence', 'tag', 'code', 'rowCount', 'reason'] },
]

export function addLookCommands(program: Command): void {
  for (const { name, path, columns, show = (row: Row): Row => row } of lists) {
    program.command(name).description(`list ${name.replace('-', ' ')}`)
      .option('--limit <n>', 'how many at the most', '50')
      .action(async (options: { limit: string }, command: Command) => {
        const { api, print, site } = await openContext(command)
        const page = await api.get<Page<Row>>(path, { site, limit: Number(options.limit) })
        print.table(page.items.map(show), columns)
        print.document(page)
      })
  }

  program.command('scores <asset>').description('scores of a machine by the end of their windows, oldest first; `replay <id>` computes one again')
    .option('--from <instant>', 'windows that end after (RFC 3339)').option('--to <instant>', '… and before').option('--limit <n>', 'how many at the most', '50')
    .action(async (asset: string, options: { from?: string; to?: string; limit: string }, command: Command) => {
      const { api, print, site } = await openContext(command)
      const page = await api.get<Page<Row>>('/v1/scores', { site, asset, from: options.from, to: options.to, limit: Number(options.limit) })
      print.table(page.items, ['id', 'windowEnd', 'score', 'confidence', 'severity', 'release', 'lane'])
      print.document(page)
    })
}
