import type { Command } from 'commander'
import { openContext } from '../context.ts'

interface Page<T> { items: T[]; nextCursor: string | null }

/** Lists and single documents: each resource of the API that an operator looks at from a terminal. */
const lists = [
  { name: 'assets', path: '/v1/assets', columns: ['id', 'name', 'family', 'line', 'owner'] },
  { name: 'models', path: '/v1/models', columns: ['name', 'version', 'kind', 'createdAt', 'reason'] },
  { name: 'releases', path: '/v1/releases', columns: ['id', 'family', 'model', 'policy', 'createdAt'] },
  { name: 'assignments', path: '/v1/assignments', columns: ['family', 'release', 'role', 'scope', 'from', 'to', 'assignedBy', 'reason'] },
  { name: 'alerts', path: '/v1/alerts', columns: ['id', 'asset', 'rule', 'severity', 'state', 'raisedAt'] },
  { name: 'drift-reports', path: '/v1/drift-reports', columns: ['id', 'family', 'release', 'verdict', 'createdAt'] },
  { name: 'operations', path: '/v1/operations', columns: ['id', 'kind', 'state', 'requestedBy', 'createdAt'] },
  { name: 'quarantine', path: '/v1/quarantine', columns: ['id', 'gateway', 'sequence', 'tag', 'code', 'rowCount', 'reason'] },
] as const

export function addLookCommands(program: Command): void {
  for (const { name, path, columns } of lists) {
    program.command(name).description(`list ${name.replace('-', ' ')}`)
      .option('--limit <n>', 'how many at the most', '50')
      .action(async (options: { limit: string }, command: Command) => {
        const { api, print, site } = await openContext(command)
        const page = await api.get<Page<Record<string, unknown>>>(path, { site, limit: Number(options.limit) })
        print.table(page.items, columns)
        print.document(page)
      })
  }
}
