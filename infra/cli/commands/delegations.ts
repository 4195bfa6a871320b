import type { Command } from 'commander'
import type { Open } from '../context.ts'
import { instant, limitOption } from '../options.ts'
import { siteColumns } from '../print.ts'

export function addDelegationCommands(program: Command, open: Open): void {
  const delegations = program.command('delegations').description('who decides at gates for whom, until when')
  delegations.command('list', { isDefault: true }).description('those that run').option('--all', 'ended and revoked ones too').option('--mine', 'those you gave or hold').addOption(limitOption())
    .action(async (options: { all?: boolean; mine?: boolean; limit: number }, command: Command) => {
      const { api, print, site } = await open(command)
      const page = await api.get<{ items: Record<string, unknown>[]; nextCursor: string | null }>('/v1/delegations', { site, limit: options.limit, ...(options.all ? {} : { running: 'true' }), ...(options.mine && { mine: 'true' }) })
      print.table(page.items.map((item) => ({ ...item, family: item['family'] ?? 'every family' })), siteColumns(['id', 'delegator', 'delegate', 'family', 'until', 'state', 'reason'], site))
      print.more(options.limit, page)
      print.document(page)
    })
  delegations.command('add <actor>').description('let somebody decide at gates for you')
    .requiredOption('--until <instant>', 'when it ends, a year from now at the most', instant).requiredOption('--reason <text>', 'why').option('--family <family>', 'only for this family')
    .action(async (to: string, options: { until: string; reason: string; family?: string }, command: Command) => {
      const { api, print, site } = await open(command)
      const answer = await api.post<{ id: string; until: string }>('/v1/delegations', { to, until: options.until, reason: options.reason, family: options.family ?? null }, { site })
      print.line(`${to} decides for you until ${answer.until}; end it with: twinward delegations revoke ${answer.id}`)
      print.document(answer)
    })
  delegations.command('revoke <delegation>').description('end one at once; what was decided by it stands')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { api, print, site } = await open(command)
      const answer = await api.post<{ revokedAt: string }>(`/v1/delegations/${encodeURIComponent(id)}/revoke`, {}, { site })
      print.line(`Revoked at ${answer.revokedAt}`)
      print.document(answer)
    })
}
