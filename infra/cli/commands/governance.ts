import type { Command } from 'commander'
import type { Open } from '../context.ts'
import { exitCodes } from '../errors.ts'
import { limitOption } from '../options.ts'
import { siteColumns } from '../print.ts'
import { counted } from '../../../registry/domain/counted.ts'

interface Gate { id: string; kind: string; release: string; state: string; evidenceDigest: string | null; requestedBy: string; expiresAt: string; approvals: number; requiredApprovals: number }
interface Verified { ok: boolean; checked: number; problem: string | null }
interface GateDetail extends Gate { reason: string; evidenceCommit: number | null; evidence: unknown; decisions: { actor: string; verdict: string; at: string; comment: string }[] }

export function addGovernanceCommands(program: Command, open: Open): void {
  const gates = program.command('gates').description('promotions and policy changes waiting for approval')
  gates.command('list', { isDefault: true }).description('open gates').option('--all', 'closed ones too')
    .action(async (options: { all?: boolean }, command: Command) => {
      const { api, print, site } = await open(command)
      const page = await api.get<{ items: Gate[] }>('/v1/gates', { site, ...(options.all ? {} : { state: 'open' }) })
      print.table(page.items.map((gate) => ({ ...gate, approvals: `${gate.approvals} of ${gate.requiredApprovals}` })), siteColumns(['id', 'kind', 'release', 'replaces', 'state', 'approvals', 'requestedBy', 'expiresAt'], site))
      print.document(page)
    })
  gates.command('show <gate>').description('what is asked, the decisions so far, and the evidence with the digest that a decision binds to')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { api, print, site } = await open(command)
      const gate = await api.get<GateDetail>(`/v1/gates/${encodeURIComponent(id)}`, { site })
      print.line(`${gate.release}: ${gate.state}, ${gate.approvals} of ${counted(gate.requiredApprovals, 'approval')}. ${gate.reason}`)
      for (const { actor, verdict, at, comment } of gate.decisions) print.line(`  ${at}  ${actor}: ${verdict}  ${comment}`)
      print.line(JSON.stringify(gate.evidence, null, 2))
      print.line(`Evidence as of commit ${String(gate.evidenceCommit)}, digest ${String(gate.evidenceDigest)}`)
      if (gate.state === 'open') print.line(`Decide with: twinward gates approve ${id} --evidence ${String(gate.evidenceDigest)} --key-file YOUR-KEY`)
      print.document(gate)
    })
  for (const verdict of ['approve', 'reject'] as const) {
    gates.command(`${verdict} <gate>`).description(`${verdict} on the evidence as it stands`)
      .requiredOption('--evidence <digest>', 'digest of the evidence you looked at: the decision binds to it').option('--comment <text>', 'why', '')
      .action(async (id: string, options: { evidence: string; comment: string }, command: Command) => {
        const { api, print, site } = await open(command)
        const answer = await api.post<{ state: string; approvals: number; required: number }>(`/v1/gates/${encodeURIComponent(id)}/${verdict}`, { evidenceDigest: options.evidence, comment: options.comment }, { site })
        print.line(`Gate ${answer.state}: ${answer.approvals} of ${counted(answer.required, 'approval')}`)
        print.document(answer)
      })
  }

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
