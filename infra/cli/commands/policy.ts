import { InvalidArgumentError, type Command } from 'commander'
import { counted } from '../../../registry/domain/counted.ts'
import type { Open } from '../context.ts'
import { CliError } from '../errors.ts'
import { readJsonFile } from '../options.ts'

interface Point { raiseAt: number; clearAt: number; alerts: number; alertsPerDay: number; caught: number | null; missed: number | null; falseEpisodes: number | null; medianLeadHours: number | null }
interface Suggestion { release: string; rule: string; slice: { from: string; to: string; windows: number }; before: { raiseAt: number; clearAt: number }; chosen: Point; tradeOff: Point[]; proposal: { policyVersion: number; release: string; gate: string } | null }
interface Change { asset: string; rule: string; raised: string; shiftSeconds?: number; score: string | null; alert: string | null }
interface Preview { release: string; slice: { from: string; to: string; windows: number }; comparison: { alerts: Record<'before' | 'after' | 'kept' | 'moved' | 'gained' | 'lost', number>; gained: Change[]; lost: Change[]; moved: Change[] } }

const POINT_COLUMNS = ['raiseAt', 'clearAt', 'alerts', 'alertsPerDay', 'caught', 'missed', 'falseEpisodes', 'medianLeadHours', 'chosen']

export function addPolicyCommands(program: Command, open: Open): void {
  const policy = program.command('policy').description('alert policies, tried on stored scores before anybody asks for them')
  policy.command('suggest').description('seek thresholds for a wanted alert load or lead time and ask for them: opens a gate, changes nothing')
    .requiredOption('--family <family>', 'whose policy').option('--alerts-per-day <n>', 'at most so many alerts a day, of all machines together', number)
    .option('--lead-hours <h>', 'recorded failures announced so many hours before', number).option('--rule <rule>', 'whose levels are sought, where several rules judge')
    .option('--days <n>', 'days of stored scores (default: as the family says)', number).option('--dry-run', 'only tell: register nothing, open no gate')
    .action(async (options: { family: string; alertsPerDay?: number; leadHours?: number; rule?: string; days?: number; dryRun?: boolean }, command: Command) => {
      if ((options.alertsPerDay === undefined) === (options.leadHours === undefined)) throw new CliError('usage', 'Say what is wanted: --alerts-per-day or --lead-hours.')
      const { api, print, site } = await open(command)
      const { family, dryRun, ...wanted } = options
      const answer = await api.post<Suggestion>(`/v1/families/${encodeURIComponent(family)}/policy-suggestions`, { ...wanted, propose: dryRun !== true }, { site })
      const { chosen, rule, before, slice, proposal } = answer
      print.line(`${counted(slice.windows, 'stored score')} of ${answer.release}, ${slice.from} to ${slice.to}:`)
      print.table(answer.tradeOff.map((point) => ({ ...rounded(point), chosen: point.raiseAt === chosen.raiseAt ? '<' : '' })), POINT_COLUMNS)
      print.line(`${rule} raises at ${chosen.raiseAt} (now ${before.raiseAt}) and clears at ${chosen.clearAt} (now ${before.clearAt}).`)
      print.line(proposal === null ? 'Nothing was asked for.' : `Gate ${proposal.gate} asks for ${proposal.release} with policy version ${proposal.policyVersion}. Look: twinward gates show ${proposal.gate}`)
      print.document(answer)
    })
  policy.command('preview <file>').description('try a policy (JSON) on stored scores, beside the one in force; registers nothing')
    .requiredOption('--family <family>', 'whose scores').option('--days <n>', 'days of stored scores (default: as the family says)', number)
    .action(async (file: string, options: { family: string; days?: number }, command: Command) => {
      const { api, print, site } = await open(command)
      const answer = await api.post<Preview>(`/v1/families/${encodeURIComponent(options.family)}/policy-preview`, { definition: await readJsonFile(file), days: options.days }, { site })
      const { alerts, gained, lost, moved } = answer.comparison
      print.line(`${counted(answer.slice.windows, 'stored score')} of ${answer.release}, ${answer.slice.from} to ${answer.slice.to}: ${alerts.before} alerts before, ${alerts.after} after; `
        + `${alerts.kept} as they were, ${alerts.moved} moved, ${alerts.gained} gained, ${alerts.lost} lost.`)
      const rows = [...gained.map((one) => ({ ...one, change: 'gained' })), ...lost.map((one) => ({ ...one, change: 'lost' })), ...moved.map((one) => ({ ...one, change: `${one.shiftSeconds} s` }))]
      print.table(rows.sort((a, b) => (a.raised < b.raised ? -1 : 1)), ['change', 'asset', 'rule', 'raised', 'score', 'alert'])
      print.document(answer)
    })
}

function number(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('Give a number.')
  return value
}

const rounded = (point: Point): Point => ({ ...point, alertsPerDay: Number(point.alertsPerDay.toPrecision(3)), medianLeadHours: point.medianLeadHours === null ? null : Number(point.medianLeadHours.toPrecision(3)) })
