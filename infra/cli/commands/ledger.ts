import type { Command } from 'commander'
import type { Open } from '../context.ts'
import { exitCodes } from '../errors.ts'
import { limitOption } from '../options.ts'
import { siteColumns } from '../print.ts'
import { counted } from '../../../registry/domain/counted.ts'

interface Verified { ok: boolean; checked: number; problem: string | null }

export function addLedgerCommands(program: Command, open: Open): void {
  const ledger = program.command('ledger').description('the append-only record of what was in force, and who allowed it')
  ledger.command('list', { isDefault: true }).addOption(limitOption()).description('newest rows')
    .action(async (options: { limit: number }, command: Command) => {
      const { api, print, site } = await open(command)
      const page = await api.get<{ items: Record<string, unknown>[] }>('/v1/ledger', { site, limit: options.limit })
      print.table(page.items, siteColumns(['sequence', 'recordedAt', 'kind', 'subject', 'actor', 'hash'], site))
      print.document(page)
    })
  ledger.command('verify').description('recompute the chain of each site; finds a changed, removed or reordered row')
    .action(async (_options: unknown, command: Command) => {
      const { api, print, site, exitCode } = await open(command)
      const answer = await api.get<Verified & { sites: (Verified & { site: string })[] }>('/v1/ledger/verify', { site })
      for (const chain of answer.sites) print.line(`${chain.site}: ${chain.ok ? `the chain holds, ${counted(chain.checked, 'row')} checked` : `the chain is broken: ${chain.problem ?? 'unknown'}`}`)
      print.document(answer)
      if (!answer.ok) exitCode(exitCodes.refused)
    })
}
