import { InvalidArgumentError, Option, type Command } from 'commander'
import { roles, type Role } from '../../../registry/domain/access/rights.ts'
import { counted } from '../../../registry/domain/counted.ts'
import type { Open } from '../context.ts'
import { CliError } from '../errors.ts'

function readRoles(text: string): Role[] {
  return text.split(',').map((name) => {
    const role = roles.find((known) => known === name.trim())
    if (role === undefined) throw new InvalidArgumentError(`There is no role "${name.trim()}"; there are ${roles.join(', ')}.`)
    return role
  })
}

export function addAccessCommands(program: Command, open: Open): void {
  program.command('actor <id>').description('create a person or service, or change their roles; --site _fleet: at every site')
    .requiredOption('--name <name>', 'as people know them').requiredOption('--roles <roles>', `comma-separated: ${roles.join(', ')}`, readRoles)
    .addOption(new Option('--kind <kind>', 'who it is').choices(['person', 'service']).default('person'))
    .action(async (id: string, options: { name: string; roles: Role[]; kind: string }, command: Command) => {
      const { api, print, site } = await open(command)
      // Known already: then it is the roles that are wanted.
      const answer = await api.post<Record<string, unknown>>('/v1/actors', { id, name: options.name, kind: options.kind, roles: options.roles }, { site })
        .catch((error: unknown) => {
          if (!(error instanceof CliError) || error.code !== 'already_exists') throw error
          return api.patch<Record<string, unknown>>(`/v1/actors/${encodeURIComponent(id)}`, { name: options.name, roles: options.roles }, { site })
        })
      print.line(`${id} has ${counted(options.roles.length, 'role')}: ${options.roles.join(', ')}.`)
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
