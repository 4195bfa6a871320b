import { randomUUID } from 'node:crypto'
import type { Command } from 'commander'
import { CliError, exitCodes } from '../errors.ts'
import { instant, modelVersion } from '../options.ts'
import type { Open } from '../context.ts'
import { runOperation } from '../operation.ts'

interface Replay { class: string; firstDifference: { what: string; stored: unknown; recomputed: unknown; scoreId?: string } | null }
interface PeriodReplay extends Replay { from: string; to: string; windows: number; more: boolean }
interface Followed { windows: number; alerts: number; outcomes: Record<string, number> }
interface ModelActions { releases: string[]; total: Followed; assets: (Followed & { asset: string })[] }

export function addModelCommands(program: Command, open: Open): void {
  program.command('train <family>').description('train and register new model versions for a family')
    .option('--from <instant>', 'first event time used (RFC 3339)', instant).option('--to <instant>', 'end of event time used', instant)
    .option('--with-site <site...>', 'learn from this site\'s machines of the family too').option('--promote', 'ask for promotion of the chosen release afterwards')
    .action(async (family: string, options: { from?: string; to?: string; withSite?: string[]; promote?: boolean }, command: Command) => {
      const context = await open(command)
      const operation = await runOperation(context, { kind: 'retrain-model', family, reason: 'requested on the command line', promote: options.promote === true,
        ...(options.from === undefined ? {} : { from: options.from }), ...(options.to === undefined ? {} : { to: options.to }), ...(options.withSite === undefined ? {} : { sites: options.withSite }) })
      const { chosen, release, gate } = operation.result as { chosen: string; release: string | null; gate: string | null }
      context.print.line(`Trained. ${chosen} was chosen${release === null ? '; the family has no policy yet, so there is no release' : ` and bound into ${release}`}.`)
      if (gate !== null) context.print.line(`It waits for approval: twinward gates show ${gate}`)
      context.print.document(operation)
    })

  program.command('copy-model <model>').description('take a model version over from another site: SITE/NAME@VERSION')
    .option('--family <family>', 'whose machines it is to judge here (default: the family of the same id)')
    .action(async (model: string, options: { family?: string }, command: Command) => {
      const from = /^(?<site>[^/]+)\/(?<name>[^@]+)@(?<version>\d{1,9})$/.exec(model)?.groups
      if (from === undefined) throw new CliError('usage', `${model} names no version of another site; write SITE/NAME@VERSION, for example hamburg/pumps-pca@1`)
      const { api, print, site } = await open(command)
      const copy = await api.post<{ name: string; version: number; family: string; made: boolean }>('/v1/models/copies', {
        from: { site: from['site'], name: from['name'], version: Number(from['version']) }, ...(options.family !== undefined && { family: options.family }),
      }, { site })
      print.line(`${copy.name}@${copy.version} ${copy.made ? 'is registered' : 'was registered before'} for family ${copy.family}; bind it with a policy into a release (POST /v1/releases) and ask for its promotion.`)
      print.document(copy)
    })

  program.command('actions <model>').description('which machines a model version (NAME@VERSION) has scored, and what followed')
    .action(async (model: string, _options: unknown, command: Command) => {
      const named = modelVersion(model)
      const { api, print, site } = await open(command)
      const answer = await api.get<ModelActions>(`/v1/models/${encodeURIComponent(named.model)}/versions/${named.version}/actions`, { site })
      const rowOf = ({ outcomes, ...followed }: Followed) => ({ ...followed, ...outcomes })
      print.table([...answer.assets.map((each) => ({ asset: each.asset, ...rowOf(each) })), ...answer.assets.length > 1 ? [{ asset: 'in all', ...rowOf(answer.total) }] : []],
        ['asset', 'windows', 'firstWindow', 'lastWindow', 'alerts', 'paged', 'acknowledged', 'workOrders', 'workOrdersDone', 'confirmed', 'falseAlarm', 'unclear', 'unsaid'])
      if (answer.releases.length > 0) print.line(`In ${answer.releases.join(', ')}.`)
      print.document(answer)
    })

  program.command('drift <family>').description('compare recent features with the reference the champion was trained on')
    .option('--retrain', 'start training when drift is found')
    .action(async (family: string, options: { retrain?: boolean }, command: Command) => {
      const context = await open(command)
      const operation = await runOperation(context, { kind: 'check-drift', family, mayRetrain: options.retrain === true })
      context.print.line(`Verdict: ${String(operation.result?.['verdict'])} (report ${String(operation.result?.['report'])})`)
      context.print.document(operation)
    })

  program.command('roll-back <family>').description('put the former release back in force: one idempotent call')
    .requiredOption('--reason <text>', 'why; goes into the ledger').option('--request-id <id>', 'repeat with the same id for the same single effect')
    .option('--rescore', 'judge anew what the release that goes has judged')
    .action(async (family: string, options: { reason: string; requestId?: string; rescore?: boolean }, command: Command) => {
      const { api, print, site } = await open(command)
      const requestId = options.requestId ?? randomUUID()
      const answer = await api.post<Record<string, unknown>>(`/v1/families/${encodeURIComponent(family)}/roll-back`, { reason: options.reason, requestId, rescore: options.rescore === true }, { site }, requestId)
      print.line(`In force again: ${String(answer['release'])}`)
      if (typeof answer['rescore'] === 'string') print.line(`Its machines' windows are judged anew: twinward rescore status ${answer['rescore']}`)
      print.document(answer)
    })

  program.command('replay [score]').description('recompute a score and its decision from what was stored; or all decisions about a machine in a time, or of an alert')
    .option('--alert <alert>', 'from where its rule began to hold until it cleared').option('--asset <asset>', 'with --from and --to')
    .option('--from <instant>', 'RFC 3339', instant).option('--to <instant>', 'RFC 3339', instant)
    .action(async (score: string | undefined, options: { alert?: string; asset?: string; from?: string; to?: string }, command: Command) => {
      const { alert, asset, from, to } = options
      if ([score, alert, asset].filter((each) => each !== undefined).length !== 1 || (asset === undefined) !== (from === undefined && to === undefined) || (from === undefined) !== (to === undefined)) {
        throw new CliError('usage', 'Name one thing to replay: a score, an alert with --alert, or a machine with --asset, --from and --to.')
      }
      const { api, print, site, exitCode } = await open(command)
      const post = <T>(path: string, body: object) => api.post<T>(path, body, { site })
      const replays: (Replay & Partial<PeriodReplay>)[] = []
      if (score !== undefined) replays.push(await post<Replay>(`/v1/scores/${encodeURIComponent(score)}/replay`, {}))
      else if (alert !== undefined) replays.push(await post<PeriodReplay>(`/v1/alerts/${encodeURIComponent(alert)}/replay`, {}))
      else {
        for (let next = from; next !== undefined;) {
          const part: PeriodReplay = await post<PeriodReplay>(`/v1/assets/${encodeURIComponent(asset ?? '')}/replay`, { from: next, to })
          replays.push(part)
          print.progress(`replayed through ${part.to}`)
          next = part.more ? part.to : undefined
        }
        print.progress('')
      }
      for (const { class: outcome, windows, from: first, to: last, more, firstDifference: difference } of replays) {
        print.line(`Replay: ${outcome}${windows === undefined ? '' : ` (${windows} windows, ${first} to ${last}${more === true && alert !== undefined ? ', and more after that' : ''})`}`)
        if (difference) print.line(`First difference${difference.scoreId === undefined ? '' : ` at score ${difference.scoreId}`}: ${difference.what}: stored ${JSON.stringify(difference.stored)}, recomputed ${JSON.stringify(difference.recomputed)}`)
      }
      print.document(replays.length === 1 ? replays[0] : { items: replays })
      if (replays.some((each) => each.class === 'failed')) exitCode(exitCodes.refused)
    })
}
