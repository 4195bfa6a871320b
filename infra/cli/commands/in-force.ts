import type { Command } from 'commander'
import type { Open } from '../context.ts'
import { CliError } from '../errors.ts'
import { instant } from '../options.ts'

interface Versioned { name: string; version: number }
interface Emergency { by: string; reason: string; review: string; due: string }
interface InForce {
  scope: string; role: string; release: { id: string }; model: Versioned; featureSet: Versioned; policy: { version: number }; from: string; reason: string
  approval: { gate: string; ofThisAssignment: boolean; approvers: { actor: string; stage: string }[]; evidenceDigest: string | null; emergency: Emergency | null } | null
  because?: string; overrules?: { scope: string; release: string }[]
}

export function addInForceCommand(program: Command, open: Open): void {
  program.command('in-force [family]').description('what judges a family, or one machine, at a moment (default: now); who allowed it, on what evidence')
    .option('--asset <asset>', 'one machine: the narrowest scope wins').option('--at <instant>', 'RFC 3339', instant)
    .action(async (family: string | undefined, options: { asset?: string; at?: string }, command: Command) => {
      if ((family === undefined) === (options.asset === undefined)) throw new CliError('usage', 'Name a family, or one machine with --asset.')
      const { api, print, site } = await open(command)
      const path = family === undefined ? `/v1/assets/${encodeURIComponent(options.asset ?? '')}/in-force` : `/v1/families/${encodeURIComponent(family)}/in-force`
      const answer = await api.get<{ items: InForce[] }>(path, { site, at: options.at })
      print.table(answer.items.map(rowOf), ['scope', 'role', 'release', 'model', 'featureSet', 'policy', 'from', 'approvedBy', 'evidence', 'reason'])
      for (const { role, release, because, overrules = [] } of answer.items) {
        if (because !== undefined) print.line(`${role} ${release.id}: ${because}${overrules.length > 0 ? `, over ${overrules.map((wider) => `${wider.release} (${wider.scope})`).join(', ')}` : ''}`)
      }
      for (const { role, release, approval } of answer.items) {
        if (approval?.emergency) print.line(`EMERGENCY: ${emergencyText(`${role} ${release.id}`, approval.emergency)}`)
      }
      print.document(answer)
    })
}

const rowOf = ({ release, model, featureSet, policy, approval, ...rest }: InForce): Record<string, unknown> => ({
  ...rest, release: release.id, model: nameOf(model), featureSet: nameOf(featureSet), policy: policy.version,
  approvedBy: approval ? `${approval.approvers.map(({ actor, stage }) => (stage === 'decision' ? actor : `${actor} (${stage})`)).join(', ')}${approval.ofThisAssignment ? '' : ' (before)'}` : null,
  evidence: approval?.evidenceDigest?.slice(0, 12) ?? null,
})
const nameOf = ({ name, version }: Versioned): string => `${name}@${version}`
const emergencyText = (what: string, { by, reason, review, due }: Emergency): string =>
  `${what} was let in by ${by} alone (${reason}); review ${review === 'due' ? `due by ${due}` : review}`
