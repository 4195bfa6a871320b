import { InvalidArgumentError, type Command } from 'commander'
import type { ApiClient } from '../api-client.ts'
import type { Open } from '../context.ts'
import { CliError, exitCodes } from '../errors.ts'
import { instant } from '../options.ts'
import type { Printer } from '../print.ts'
import { counted } from '../../../registry/domain/counted.ts'

interface Replay { class: string; firstDifference: { what: string; stored: unknown; recomputed: unknown; scoreId?: string } | null; incidents: { id: string; opened: boolean }[] }
interface PeriodReplay extends Replay { from: string; to: string; windows: number; more: boolean }
interface Decided { fired: string | null; severity: string | null }
interface Change { rule: string; raised: string; cleared: string | null; scoreId: string | null; alert: string | null }
interface WhatIf {
  asset: string; from: string; to: string; windows: number; more: boolean; measured: number; unmeasured: number; releases: string[]
  under: { model: string | null; policy: number | null }
  scores: { differing: number; greatest: { scoreId: string; windowEnd: string; before: { score: number | null }; after: { score: number | null }; difference: number } | null }
  decisions: { differing: number; first: { windowEnd: string; before: Decided | null; after: Decided | null } | null }
  alerts: Record<'before' | 'after' | 'kept' | 'moved' | 'gained' | 'lost', number>
  gained: Change[]; lost: Change[]; moved: (Change & { before: string; shiftSeconds: number })[]
}
interface Options { alert?: string; asset?: string; from?: string; to?: string; release?: string; model?: string; policy?: number; featureSet?: string }

export function addReplayCommand(program: Command, open: Open): void {
  program.command('replay [score]').description('recompute a score and its decision from what was stored; or all decisions about a machine in a time, or of an alert; or what other versions would have said')
    .option('--alert <alert>', 'from where its rule began to hold until it cleared').option('--asset <asset>', 'with --from and --to')
    .option('--from <instant>', 'RFC 3339', instant).option('--to <instant>', 'RFC 3339', instant)
    .option('--model <name@version>', 'what if this model had scored').option('--policy <version>', 'what if this version of the policy had decided', version)
    .option('--feature-set <name@version>', 'what if a model that reads this one had scored').option('--release <release>', 'what if this release had judged')
    .action(async (score: string | undefined, options: Options, command: Command) => {
      const { alert, asset, from, to } = options
      if ([score, alert, asset].filter((each) => each !== undefined).length !== 1 || (asset === undefined) !== (from === undefined && to === undefined) || (from === undefined) !== (to === undefined)) {
        throw new CliError('usage', 'Name one thing to replay: a score, an alert with --alert, or a machine with --asset, --from and --to.')
      }
      const other = otherVersions(options)
      const { api, print, site, exitCode } = await open(command)
      const subject = score !== undefined ? `/v1/scores/${encodeURIComponent(score)}` : alert !== undefined ? `/v1/alerts/${encodeURIComponent(alert)}` : `/v1/assets/${encodeURIComponent(asset ?? '')}`
      if (other !== undefined) {
        const answer = await api.post<WhatIf>(`${subject}/what-if`, { ...other, ...(asset !== undefined && { from, to }) }, { site })
        showWhatIf(print, answer)
        print.document(answer)
        return
      }
      const replays = asset === undefined ? [await api.post<Replay & Partial<PeriodReplay>>(`${subject}/replay`, {}, { site })]
        : await replayTime(api, print, `${subject}/replay`, { site, from: from ?? '', to: to ?? '' })
      for (const { class: outcome, windows, from: first, to: last, more, firstDifference: difference } of replays) {
        print.line(`Replay: ${outcome}${windows === undefined ? '' : ` (${windows} windows, ${first} to ${last}${more === true && alert !== undefined ? ', and more after that' : ''})`}`)
        if (difference) print.line(`First difference${difference.scoreId === undefined ? '' : ` at score ${difference.scoreId}`}: ${difference.what}: stored ${JSON.stringify(difference.stored)}, recomputed ${JSON.stringify(difference.recomputed)}`)
      }
      // Parts of one time may show the same trouble.
      const opened = new Map<string, boolean>()
      for (const { id, opened: news } of replays.flatMap(({ incidents }) => incidents)) opened.set(id, (opened.get(id) ?? false) || news)
      for (const [id, news] of opened) print.line(`${news ? 'It opened an incident' : 'It counts towards an open incident'}: twinward incidents show ${id}`)
      print.document(replays.length === 1 ? replays[0] : { items: replays })
      if (replays.some((each) => each.class === 'failed')) exitCode(exitCodes.refused)
    })
}

/** A time part by part: each answer says where it ended. */
async function replayTime(api: ApiClient, print: Printer, path: string, { site, from, to }: { site: string | undefined; from: string; to: string }): Promise<PeriodReplay[]> {
  const parts: PeriodReplay[] = []
  for (let next: string | undefined = from; next !== undefined;) {
    const part: PeriodReplay = await api.post<PeriodReplay>(path, { from: next, to }, { site })
    parts.push(part)
    print.progress(`replayed through ${part.to}`)
    next = part.more ? part.to : undefined
  }
  print.progress('')
  return parts
}

function version(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Give a version: a whole number from 1 on.')
}

function otherVersions({ release, model, policy, featureSet }: Options): Record<string, unknown> | undefined {
  if ([release, model, policy, featureSet].every((each) => each === undefined)) return undefined
  const versionOf = (option: string, text: string) => {
    const named = /^(?<name>[^@/]+)@(?<version>[1-9]\d{0,8})$/.exec(text)?.groups
    if (named === undefined) throw new CliError('usage', `--${option} ${text} names no version; write NAME@VERSION, for example pumps-pca@1`)
    return { name: named['name'], version: Number(named['version']) }
  }
  return {
    ...(release !== undefined && { release }), ...(policy !== undefined && { policyVersion: policy }),
    ...(model !== undefined && { model: versionOf('model', model) }), ...(featureSet !== undefined && { featureSet: versionOf('feature-set', featureSet) }),
  }
}

function showWhatIf(print: Printer, { asset, from, to, windows, more, measured, unmeasured, releases, under, scores, decisions, alerts, ...changes }: WhatIf): void {
  const by = [under.model, under.policy === null ? null : `policy version ${under.policy}`].filter((each) => each !== null).join(' and ')
  print.line(`${counted(windows, 'window')} of ${asset}, ${from} to ${to}${more ? ' (and more after that)' : ''}, judged then by ${releases.join(', ')}, here by ${by}`)
  if (measured + unmeasured > 0) print.line(`  features of ${measured} computed from readings as known then${unmeasured === 0 ? '' : `; for ${unmeasured} there was nothing to compute them from`}`)
  const { greatest } = scores
  print.line(`Scores: ${scores.differing === 0 ? 'none differs' : `${scores.differing} differ${greatest === null ? '' : `, most of all score ${greatest.scoreId} at ${greatest.windowEnd}: ${String(greatest.before.score)} then, ${String(greatest.after.score)} here`}`}`)
  const said = (decided: Decided | null) => ((decided?.fired ?? null) === null ? 'nothing' : `${String(decided?.fired)} (${String(decided?.severity)})`)
  const { first } = decisions
  print.line(`Decisions: ${first === null ? 'none differs' : `${decisions.differing} differ, the first at ${first.windowEnd}: ${said(first.before)} then, ${said(first.after)} here`}`)
  print.line(`Alerts: ${alerts.before} then, ${alerts.after} here; ${alerts.kept} kept, ${alerts.moved} moved, ${alerts.gained} gained, ${alerts.lost} lost`)
  const link = ({ alert, scoreId }: Change) => (alert !== null ? `  alert ${alert}` : scoreId !== null ? `  score ${scoreId}` : '')
  for (const change of changes.gained) print.line(`  + ${change.rule} at ${change.raised}${link(change)}`)
  for (const change of changes.lost) print.line(`  - ${change.rule} at ${change.raised}${link(change)}`)
  for (const change of changes.moved) print.line(`  ~ ${change.rule} at ${change.raised}, ${Math.abs(change.shiftSeconds)} s ${change.shiftSeconds < 0 ? 'earlier' : 'later'}${link(change)}`)
}
