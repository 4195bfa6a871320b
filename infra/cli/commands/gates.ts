import type { Command } from 'commander'
import type { GateEvidence, GovernanceEvidence } from '../../../registry/services/read/gate-evidence.ts'
import type { Open } from '../context.ts'
import { evidenceText } from '../evidence-text.ts'
import { counted } from '../../../registry/domain/counted.ts'
import { planText } from '../../../registry/domain/rollout/plan-text.ts'
import type { RolloutPlan } from '../../../registry/domain/rollout/plan.ts'
import { limitOption } from '../options.ts'
import { siteColumns } from '../print.ts'

interface Gate {
  id: string; kind: string; subject: string; state: string; evidenceDigest: string | null; requestedBy: string; expiresAt: string; wanted: string
  changesAsked: { by: string; text: string }[]; emergency: { by: string; reason: string; review: { state: string; due: string; overdue: boolean } } | null
}
interface GateDetail extends Gate {
  rollout: RolloutPlan | null; reason: string; asks: string; evidenceCommit: number | null; evidence: GateEvidence | GovernanceEvidence | null; evidenceAge: { days: number; commitsBehind: number | null } | null
  decisions: { actor: string; onBehalfOf: string | null; stage: string; verdict: string; at: string; comment: string }[]
  reviewers: { actor: string; required: boolean }[]
  thread: { kind: string; by: string; text: string; at: string }[]
  deciding: string[]
}
interface Decided { state: string; approvals: number; required: number }
interface Reviewed { review: string; approvals: number; required: number; note: string }

const SAID: Readonly<Record<string, string>> = { comment: 'says', 'changes-asked': 'asks for changes', answer: 'answers' }
const standIn = ['--for <actor>', 'whoever delegated to you, where you decide for them'] as const
const address = (gate: string, verb = '') => `/v1/gates/${encodeURIComponent(gate)}${verb}`

export function addGateCommands(program: Command, open: Open): void {
  const gates = program.command('gates').description('promotions and policy changes waiting for approval')
  gates.command('list', { isDefault: true }).description('gates in which something is to be done').option('--all', 'settled ones too').option('--review', 'only emergencies whose review is due').addOption(limitOption())
    .action(async (options: { all?: boolean; review?: boolean; limit: number }, command: Command) => {
      const { api, print, site } = await open(command)
      const page = await api.get<{ items: Gate[]; nextCursor: string | null }>('/v1/gates', { site, limit: options.limit, ...(options.review ? { review: 'due' } : options.all ? {} : { unsettled: 'true' }) })
      print.table(page.items.map((gate) => ({ ...gate })), siteColumns(['id', 'kind', 'subject', 'scope', 'replaces', 'state', 'wanted', 'requestedBy', 'expiresAt'], site))
      print.more(options.limit, page)
      print.document(page)
    })
  gates.command('show <gate>').description('what is asked, what was decided and said so far, and the evidence in short with the digest that a decision binds to (--json: all of it)')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { api, print, site } = await open(command)
      const gate = await api.get<GateDetail>(address(id), { site })
      print.line(`${gate.subject}: ${gate.state}, ${gate.wanted}. ${gate.reason}`)
      print.line(`  asks for ${gate.asks}`)
      if (gate.rollout !== null) print.line(`  once approved: ${planText(gate.rollout)}`)
      if (gate.emergency) {
        const { by, reason, review } = gate.emergency
        print.line(`  EMERGENCY declared by ${by}: ${reason}; review ${review.state}${review.state === 'due' ? `, by ${review.due}${review.overdue ? ', OVERDUE' : ''}` : ''}`)
      }
      for (const { actor, required } of gate.reviewers) print.line(`  reviewer ${actor}${required ? ', whose approval is required' : ''}`)
      for (const { actor, onBehalfOf, stage, verdict, at, comment } of gate.decisions) {
        print.line(`  ${at}  ${actor}${onBehalfOf === null ? '' : ` for ${onBehalfOf}`}: ${verdict}${stage === 'decision' ? '' : ` (${stage})`}  ${comment}`)
      }
      for (const { kind, by, text, at } of gate.thread) print.line(`  ${at}  ${by} ${SAID[kind] ?? kind}: ${text}`)
      print.line('Evidence:')
      for (const line of evidenceText(gate.evidence)) print.line(`  ${line}`)
      const { evidenceAge: age } = gate
      print.line(`Evidence as of commit ${String(gate.evidenceCommit)}${age === null ? '' : `, ${age.days.toFixed(1)} days old${age.commitsBehind === null ? '' : `, ${counted(age.commitsBehind, 'commit')} behind`}`}, digest ${String(gate.evidenceDigest)}; the whole: twinward --json gates show ${id}`)
      if (gate.state === 'open') {
        print.line(gate.changesAsked.length > 0 ? `Answer with: twinward gates answer ${id} --comment TEXT --key-file REQUESTER-KEY`
          : `Decide with: twinward gates approve ${id} --evidence ${String(gate.evidenceDigest)} --key-file YOUR-KEY`)
      }
      if (gate.deciding.length > 0) print.line(`You could decide in the name of: ${gate.deciding.join(', ')}${gate.deciding.length > 1 ? ' (--for says whose)' : ''}`)
      if (gate.emergency?.review.state === 'due') print.line(`Review with: twinward gates review ${id} confirm --evidence ${String(gate.evidenceDigest)} --key-file YOUR-KEY`)
      print.document(gate)
    })
  addDecisions(gates, open)
  addTalk(gates, open)
}

function addDecisions(gates: Command, open: Open): void {
  const evidence = ['--evidence <digest>', 'digest of the evidence you looked at: the decision binds to it'] as const
  interface Options { evidence: string; comment: string; for?: string }
  for (const verdict of ['approve', 'reject'] as const) {
    const command = gates.command(`${verdict} <gate>`).description(`${verdict} on the evidence as it stands`).requiredOption(...evidence).option(...standIn)
    if (verdict === 'reject') command.requiredOption('--comment <text>', 'why')
    else command.option('--comment <text>', 'why', '')
    command.action(async (id: string, options: Options, self: Command) => {
      const { api, print, site } = await open(self)
      const answer = await api.post<Decided>(address(id, `/${verdict}`), { evidenceDigest: options.evidence, comment: options.comment, onBehalfOf: options.for ?? null }, { site })
      print.line(`Gate ${answer.state}: ${answer.approvals} of ${counted(answer.required, 'approval')}`)
      print.document(answer)
    })
  }
  gates.command('emergency <gate>').description('approve alone, for a declared emergency; everybody is told, and the normal approvers review it afterwards')
    .requiredOption(...evidence).requiredOption('--reason <text>', 'what the emergency is')
    .action(async (id: string, options: { evidence: string; reason: string }, command: Command) => {
      const { api, print, site } = await open(command)
      const answer = await api.post<{ state: string; review: { due: string } }>(address(id, '/approve-in-emergency'), { evidenceDigest: options.evidence, reason: options.reason }, { site })
      print.line(`Gate ${answer.state} in an emergency; its review is due by ${answer.review.due}`)
      print.document(answer)
    })
  const review = gates.command('review').description('review an emergency afterwards')
  for (const verdict of ['confirm', 'reject'] as const) {
    const command = review.command(`${verdict} <gate>`).requiredOption(...evidence).option(...standIn)
      .description(verdict === 'confirm' ? 'agree with what was approved alone' : 'do not; what is still in force is rolled back')
    if (verdict === 'reject') command.requiredOption('--comment <text>', 'why')
    else command.option('--comment <text>', 'why', '')
    command.action(async (id: string, options: Options, self: Command) => {
      const { api, print, site } = await open(self)
      const answer = await api.post<Reviewed>(address(id, '/review'), { verdict, evidenceDigest: options.evidence, comment: options.comment, onBehalfOf: options.for ?? null }, { site })
      print.line(`Review ${answer.review}: ${answer.approvals} of ${counted(answer.required, 'approval')}${answer.note === '' ? '' : `; ${answer.note}`}`)
      print.document(answer)
    })
  }
}

function addTalk(gates: Command, open: Open): void {
  const talk: readonly [name: string, verb: string, description: string][] = [
    ['ask-changes', '/ask-changes', 'ask the requester for changes: nothing is approved until they answer or make a new proposal'],
    ['answer', '/answer', 'answer what was asked for, as the requester'],
    ['comment', '/comments', 'add to the thread; decides nothing'],
  ]
  for (const [name, verb, description] of talk) {
    const command = gates.command(`${name} <gate>`).description(description).requiredOption('--comment <text>', 'what you say')
    if (name === 'ask-changes') command.option(...standIn)
    command.action(async (id: string, options: { comment: string; for?: string }, self: Command) => {
      const { api, print, site } = await open(self)
      const answer = await api.post<Record<string, unknown>>(address(id, verb), { comment: options.comment, ...(options.for !== undefined && { onBehalfOf: options.for }) }, { site })
      print.line('Noted.')
      print.document(answer)
    })
  }
  gates.command('add-reviewer <gate> <actor>').description('name somebody who should look at it, and is told').option('--required', 'their approval is wanted too').option(...standIn)
    .action(async (id: string, reviewer: string, options: { required?: boolean; for?: string }, command: Command) => {
      const { api, print, site } = await open(command)
      const answer = await api.post<{ required: boolean }>(address(id, '/reviewers'), { reviewer, required: options.required === true, onBehalfOf: options.for ?? null }, { site })
      print.line(`${reviewer} is told${answer.required ? ', and must approve' : ''}.`)
      print.document(answer)
    })
  gates.command('recompute <gate>').description('compute the evidence anew, by what is known now: a new gate takes the place of this one, whose approvals end with it')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { api, print, site } = await open(command)
      const answer = await api.post<{ gate: string }>(address(id, '/recompute'), {}, { site })
      print.line(`It goes on at: twinward gates show ${answer.gate}`)
      print.document(answer)
    })
  gates.command('withdraw <gate>').description('take your request back').requiredOption('--reason <text>', 'why')
    .action(async (id: string, options: { reason: string }, command: Command) => {
      const { api, print, site } = await open(command)
      const answer = await api.post<{ state: string }>(address(id, '/withdraw'), { reason: options.reason }, { site })
      print.line(`Gate ${answer.state}`)
      print.document(answer)
    })
}
