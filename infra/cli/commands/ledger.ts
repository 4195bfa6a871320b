import type { Command } from 'commander'
import type { Open } from '../context.ts'
import { CliError, exitCodes } from '../errors.ts'
import { limitOption } from '../options.ts'
import { siteColumns } from '../print.ts'
import { counted } from '../../../registry/domain/counted.ts'

interface Verified { ok: boolean; checked: number; problem: string | null }
interface VerifiedSite extends Verified { site: string; signedBy: string | null }

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
    .option('--signed-by <key>', 'the key that must have signed the newest checkpoint of each (its id, or how it begins: at least 16 digits)')
    .action(async ({ signedBy: wanted }: { signedBy?: string }, command: Command) => {
      if (wanted !== undefined && !/^[0-9a-f]{16,64}$/.test(wanted)) throw new CliError('usage', `${wanted} is no id of a key: 16 to 64 hexadecimal digits, as twinward ledger verify prints them`)
      const { api, print, site, exitCode } = await open(command)
      const answer = await api.get<Verified & { sites: VerifiedSite[] }>('/v1/ledger/verify', { site })
      for (const chain of answer.sites) print.line(`${chain.site}: ${chain.ok ? `the chain holds, ${counted(chain.checked, 'row')} checked${chain.checked === 0 ? '' : chain.signedBy === null ? ', its newest checkpoint is not signed' : `, signed by ${chain.signedBy}`}` : `the chain is broken: ${chain.problem ?? 'unknown'}`}`)
      print.document(answer)
      const strange = wanted === undefined ? [] : answer.sites.filter(({ checked, signedBy }) => checked > 0 && signedBy?.startsWith(wanted) !== true)
      if (strange.length > 0) print.line(`Not signed by ${wanted ?? ''}: ${strange.map((chain) => chain.site).join(', ')}. A checkpoint that is just being made is none yet: look again in a minute, then ask who changed the key.`)
      if (!answer.ok || strange.length > 0) exitCode(exitCodes.refused)
    })
}
