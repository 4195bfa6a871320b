import type { Command } from 'commander'
import type { Open } from '../context.ts'
import { CliError } from '../errors.ts'
import { modelVersion } from '../options.ts'

interface Options { alert?: string; model?: string; run?: string; openlineage?: true }

export function addLineageCommand(program: Command, open: Open): void {
  program.command('lineage [score]').description('where a score, or an alert, comes from: down to raw batches and to who allowed what judged it')
    .option('--alert <id>', 'of an alert instead of a score')
    .option('--openlineage', 'as OpenLineage run events, one a line').option('--model <name@version>', 'with --openlineage: of a model version').option('--run <operation>', '… of a training run')
    .action(async (score: string | undefined, { alert, model, run, openlineage }: Options, command: Command) => {
      if ([score, alert, model, run].filter((each) => each !== undefined).length !== 1) {
        throw new CliError('usage', 'Name one: a score (twinward scores ASSET lists them), with --alert an alert (twinward alerts), or with --openlineage --model NAME@VERSION or --run OPERATION.')
      }
      if (!openlineage && (model ?? run) !== undefined) throw new CliError('usage', 'The lineage of a model version or a training run comes as OpenLineage events: add --openlineage.')
      const version = model === undefined ? undefined : modelVersion(model)
      const { api, print, site } = await open(command)
      if (openlineage) {
        const answer = await api.get<{ events: unknown[] }>('/v1/lineage/events', { site, score, alert, operation: run, ...version })
        for (const event of answer.events) print.line(JSON.stringify(event))
        print.document(answer)
        return
      }
      const lineage = await api.get<{ nodes: { kind: string; label: string; detail: string | null; level: number }[] }>('/v1/lineage', { site, score, alert })
      for (const { kind, label, detail, level } of lineage.nodes) print.line(`${'  '.repeat(Math.max(0, level))}${kind} ${label}${detail === null ? '' : `: ${detail}`}`)
      print.document(lineage)
    })
}
