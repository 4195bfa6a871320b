import type { Command } from 'commander'
import type { Open } from '../context.ts'
import { instant, limitOption } from '../options.ts'
import { siteColumns } from '../print.ts'

interface Page<T> { items: T[]; nextCursor: string | null }

interface List { name: string; path: string; columns: readonly string[]; show?: (row: Row) => Row; /** Comes in one piece. */ whole?: true }
type Row = Record<string, unknown>

const showRelease = (row: Row): Row => {
  const { model, policy } = row as { model: { name: string; version: number }; policy: { version: number } }
  return { ...row, model: `${model.name}@${model.version}`, policy: `version ${policy.version}` }
}

/** Lists and single documents: each resource of the API that an operator looks at from a terminal. */
const lists: readonly List[] = [
  { name: 'sites', path: '/v1/sites', columns: ['id', 'name', 'kind', 'timeZone', 'assets', 'lastCommit'], whole: true },
  { name: 'families', path: '/v1/families', columns: ['id', 'name', 'owner', 'assets'], whole: true },
  { name: 'assets', path: '/v1/assets', columns: ['id', 'name', 'family', 'line', 'owner'] },
  { name: 'models', path: '/v1/models', columns: ['name', 'version', 'kind', 'createdAt', 'reason'] },
  { name: 'releases', path: '/v1/releases', columns: ['id', 'family', 'model', 'policy', 'createdAt'], show: showRelease },
  { name: 'assignments', path: '/v1/assignments', columns: ['family', 'release', 'role', 'scope', 'from', 'to', 'assignedBy', 'reason'] },
  { name: 'alerts', path: '/v1/alerts', columns: ['id', 'asset', 'rule', 'severity', 'state', 'raisedAt'] },
  { name: 'drift-reports', path: '/v1/drift-reports', columns: ['id', 'family', 'release', 'verdict', 'retraining', 'createdAt'] },
  { name: 'operations', path: '/v1/operations', columns: ['id', 'kind', 'state', 'requestedBy', 'createdAt'] },
  { name: 'quarantine', path: '/v1/quarantine', columns: ['id', 'gateway', 'sequence', 'tag', 'code', 'rowCount', 'reason'] },
]

export function addLookCommands(program: Command, open: Open): void {
  for (const { name, path, columns, whole, show = (row: Row): Row => row } of lists) {
    const list = program.command(name).description(`list ${name.replace('-', ' ')}`)
    if (!whole) list.addOption(limitOption())
    list.action(async ({ limit }: { limit?: number }, command: Command) => {
      const { api, print, site } = await open(command)
      const page = await api.get<Page<Row>>(path, { ...(path !== '/v1/sites' && { site }), limit })
      print.table(page.items.map(show), page.items.some((row) => 'site' in row) ? siteColumns(columns, site) : columns)
      if (page.nextCursor !== null && limit !== undefined) print.line(`There are more than ${limit}; --limit shows up to 500, the API pages through all.`)
      print.document(page)
    })
  }

  program.command('scores <asset>').description('scores of a machine by the end of their windows, oldest first: one row for each release that scored it (role) and each revision; `replay <id>` computes one again')
    .option('--from <instant>', 'windows that end after (RFC 3339)', instant).option('--to <instant>', '… and before', instant).addOption(limitOption())
    .action(async (asset: string, options: { from?: string; to?: string; limit: number }, command: Command) => {
      const { api, print, site } = await open(command)
      const page = await api.get<Page<Row>>('/v1/scores', { site, asset, from: options.from, to: options.to, limit: options.limit })
      print.table(page.items, ['id', 'windowEnd', 'revision', 'score', 'confidence', 'severity', 'release', 'role', 'lane', 'rescore'])
      print.more(options.limit, page)
      print.document(page)
    })
}
