import type { Command } from 'commander'
import { counted } from '../../../registry/domain/counted.ts'
import type { Open } from '../context.ts'
import { CliError } from '../errors.ts'

export function addAccessCommands(program: Command, open: Open): void {
  program.command('actor <id>').description('create a person or service, or change their roles; --site _fleet: at every site')
    .requiredOption('--name <name>', 'as people know them').requiredOption('--roles <roles>', 'comma-separated: viewer, integrator, operator, ml-engineer, reliability-engineer, admin')
    .option('--kind <kind>', 'person or service', 'person')
    .action(async (id: string, options: { name: string; roles: string; kind: string }, command: Command) => {
      const { api, print, site } = await open(command)
      const roles = options.roles.split(',').map((role) => role.trim())
      // Known already: then it is the roles that are wanted.
      const answer = await api.post<Record<string, unknown>>('/v1/actors', { id, name: options.name, kind: options.kind, roles }, { site })
        .catch((error: unknown) => {
          if (!(error instanceof CliError) || error.code !== 'already_exists') throw error
          return api.patch<Record<string, unknown>>(`/v1/actors/${encodeURIComponent(id)}`, { name: options.name, roles }, { site })
        })
      print.line(`${id} has ${counted(roles.length, 'role')}: ${roles.join(', ')}.`)
      print.document(answer)
    })

  program.command('api-key <actor>').description('issue an API key; it is shown this once').requiredOption('--label <text>', 'what it is for')
    .action(async (actor: string, options: { label: string }, command: Command) => {
      const { api, print, site } = await open(command)
      const answer = await api.post<{ id: string; key: string }>('/v1/api-keys', { actor, label: options.label }, { site })
      print.line(answer.key)
      print.document(answer)
    })
}
