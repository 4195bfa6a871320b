import type { Command } from 'commander'
import { Option } from 'commander'
import { differencesOf } from '../../../registry/domain/governance/difference.ts'
import type { Open } from '../context.ts'
import { CliError } from '../errors.ts'
import { readJsonFile } from '../options.ts'

interface Version { version: number; state: string; owner: string | null; governance: Record<string, unknown>; proposedBy: string; inForceFrom: string | null; gate: string | null; reason: string; digest: string }

const address = (family: string) => `/v1/families/${encodeURIComponent(family)}/governance`

const whole = ({ owner, governance }: { owner: string | null; governance: unknown }) => ({ owner, ...(governance as object) })

export function addFamilyGovernanceCommands(program: Command, open: Open): void {
  const governance = program.command('governance').description('who must approve what in a family, in its versions')
  governance.command('list <family>').description('the versions, newest first')
    .action(async (family: string, _options: unknown, command: Command) => {
      const { api, print, site } = await open(command)
      const page = await api.get<{ items: Version[] }>(address(family), { site })
      print.table(page.items.map((version) => ({ ...version })), ['version', 'state', 'owner', 'inForceFrom', 'proposedBy', 'gate', 'reason'])
      print.document(page)
    })
  governance.command('show <family>').description('the rules in force, as JSON that propose takes again')
    .action(async (family: string, _options: unknown, command: Command) => {
      const { api, print, site } = await open(command)
      const view = await api.get<{ owner: string | null; governance: unknown; governanceVersion: number }>(`/v1/families/${encodeURIComponent(family)}`, { site })
      print.line(JSON.stringify(view.governance, null, 2))
      print.document({ version: view.governanceVersion, owner: view.owner, governance: view.governance })
    })
  governance.command('propose <family>').description('ask for other rules, or another owner: opens a gate by the rules in force now')
    .option('--file <file>', 'the rules as a whole, as JSON').option('--owner <actor>', 'who answers for the family').requiredOption('--reason <text>', 'why')
    .addOption(new Option('--open-gates <what>', 'what becomes of gates that are open when it comes into force').choices(['keep', 'void']).default('keep'))
    .action(async (family: string, options: { file?: string; owner?: string; reason: string; openGates: string }, command: Command) => {
      const { api, print, site } = await open(command)
      if (options.file === undefined && options.owner === undefined) throw new CliError('usage', 'Say what should change: --file with other rules, or --owner.')
      const rules = options.file === undefined ? undefined : await readJsonFile(options.file)
      const present = await api.get<{ owner: string | null; governance: unknown }>(`/v1/families/${encodeURIComponent(family)}`, { site })
      const answer = await api.post<{ version: number; gate: string }>(address(family), {
        reason: options.reason, openGates: options.openGates,
        ...(rules !== undefined && { governance: rules }), ...(options.owner !== undefined && { owner: options.owner }),
      }, { site })
      for (const { path, from, to } of differencesOf(whole(present), whole({ owner: options.owner ?? present.owner, governance: rules ?? present.governance }))) print.line(`  ${path}: ${JSON.stringify(from)} → ${JSON.stringify(to)}`)
      print.line(`Version ${answer.version} waits for approval: twinward gates show ${answer.gate}`)
      print.document(answer)
    })
}
