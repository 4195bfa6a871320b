import { randomUUID } from 'node:crypto'
import type { Command } from 'commander'
import { CliError } from '../errors.ts'
import { instant, modelVersion, scopeOption, type Scope } from '../options.ts'
import type { Open } from '../context.ts'
import { runOperation } from '../operation.ts'

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
    .addOption(scopeOption()).option('--to <release>', 'one that was champion there before (default: the one just before)')
    .option('--rescore', 'judge anew the windows that ended since the release that goes first judged, its canary included')
    .action(async (family: string, { requestId = randomUUID(), ...options }: { reason: string; scope?: Scope; to?: string; requestId?: string; rescore?: boolean }, command: Command) => {
      const { api, print, site } = await open(command)
      const answer = await api.post<Record<string, unknown>>(`/v1/families/${encodeURIComponent(family)}/roll-back`, { ...options, requestId, rescore: options.rescore === true }, { site }, requestId)
      print.line(`In force again: ${String(answer['release'])}`)
      if (typeof answer['rescore'] === 'string') print.line(`Its machines' windows are judged anew: twinward rescore status ${answer['rescore']}`)
      print.document(answer)
    })
}
