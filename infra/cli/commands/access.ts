import type { Command } from 'commander'
import { openContext } from '../context.ts'

export function addAccessCommands(program: Command): void {
  program.command('actor <id>').description('create a person or service, or change their roles')
    .requiredOption('--name <name>', 'as people know them').requiredOption('--roles <roles>', 'comma-separated: viewer, integrator, operator, ml-engineer, reliability-engineer, admin')
    .option('--kind <kind>', 'person or service', 'person')
    .action(async (id: string, options: { name: string; roles: string; kind: string }, command: Command) => {
      const { api, print, site } = await openContext(command)
      const answer = await api.post<Record<string, unknown>>('/v1/actors', { id, name: options.name, kind: options.kind, roles: options.roles.split(',').map((role) => role.trim()) }, { site })
      print.line(`${id} has the roles ${options.roles}.`)
      print.document(answer)
    })

  program.command('api-key <actor>').description('issue an API key; it is shown this once').requiredOption('--label <text>', 'what it is for')
    .action(async (actor: string, options: { label: string }, command: Command) => {
      const { api, print, site } = await openContext(command)
      const answer = await api.post<{ id: string; key: string }>('/v1/api-keys', { actor, label: options.label }, { site })
      print.line(answer.key)
      print.document(answer)
    })
}
