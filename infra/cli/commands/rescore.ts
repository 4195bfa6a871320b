import { randomUUID } from 'node:crypto'
import type { Command } from 'commander'
import type { Open } from '../context.ts'
import { CliError } from '../errors.ts'
import { operationPath, progressText, startOperation, watchOperation, type Operation } from '../operation.ts'
import { instant, machines } from '../options.ts'

interface StartOptions {
  family?: string; line?: string; asset?: string[]; wholeSite?: boolean; from: string; to?: string; release?: string; reason: string; requestId?: string; watch?: boolean
}

export function addRescoreCommands(program: Command, open: Open): void {
  const rescore = program.command('rescore').description('judge stored windows anew, as further revisions; what was decided then stays, and nobody is paged')
  rescore.command('start').description('by what is in force now for each machine, or by a release that was approved before')
    .option('--family <family>', 'machines of this family').option('--line <line>', 'machines of this line').option('--asset <asset...>', 'these machines (pump-1,pump-2 or pump-1 pump-2)', (text: string, before: string[] | undefined) => [...(before ?? []), ...machines(text)]).option('--whole-site', 'every machine of the site')
    .requiredOption('--from <instant>', 'windows that end after (RFC 3339)', instant).option('--to <instant>', '… and not later than (default: now)', instant)
    .option('--release <release>', 'judge by this one').requiredOption('--reason <text>', 'why; goes into the ledger')
    .option('--request-id <id>', 'repeat with the same id for the same single effect').option('--watch', 'wait until it has ended')
    .action(async ({ asset, watch, requestId = randomUUID(), ...options }: StartOptions, command: Command) => {
      if (options.wholeSite !== true && options.family === undefined && options.line === undefined && asset === undefined) {
        throw new CliError('usage', 'Say whose windows: --family, --line, --asset, or --whole-site.')
      }
      const context = await open(command)
      const started = await startOperation(context, { kind: 'rescore', ...options, requestId, ...(asset !== undefined && { assets: asset }) })
      if (watch !== true) context.print.line(`Under way: twinward rescore status ${started.id}`)
      const operation = watch === true ? await watchOperation(context, started) : started
      if (watch === true) context.print.line(summary(operation))
      context.print.document(operation)
    })
  rescore.command('status <operation>').description('how far it is')
    .action(async (id: string, _options: unknown, command: Command) => {
      const { api, print, site } = await open(command)
      const operation = await api.get<Operation>(operationPath(id), { site })
      print.line(summary(operation))
      print.document(operation)
    })
  const verbs: readonly [name: string, description: string, said: string][] = [
    ['pause', 'have it wait after the slice it is in', 'It waits: twinward rescore resume'], ['resume', 'have it go on', 'It goes on: twinward rescore status'],
    ['cancel', 'have it stop; what it wrote stays', 'It stops: twinward rescore status'],
  ]
  for (const [name, description, said] of verbs) {
    rescore.command(`${name} <operation>`).description(description).action(async (id: string, _options: unknown, command: Command) => {
      const { api, print, site } = await open(command)
      const operation = await api.post<Operation>(operationPath(id, `/${name}`), {}, { site })
      print.line(`${said} ${id}`)
      print.document(operation)
    })
  }
}

function summary(operation: Operation): string {
  const { state, paused, result, error, progress: { written } } = operation
  const done = result === null ? progressText(operation) : result['windows'] === 0 ? 'no window of these machines ended in that time; nothing was judged anew' : `${String(result['windows'])} windows of ${String(result['assets'])} machines judged by ${(result['releases'] as string[]).join(', ')}`
  return `Rescore ${paused ? `paused by ${paused.by}` : state}: ${done}${typeof written === 'number' ? `; ${written} revisions written` : ''}${error?.message === undefined ? '' : `. ${error.message}`}`
}
