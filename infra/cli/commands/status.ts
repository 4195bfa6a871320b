import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Command } from 'commander'
import { counted } from '../../../registry/domain/counted.ts'
import { CliError, exitCodes } from '../errors.ts'
import type { Open } from '../context.ts'

interface Part { name: string; state: string; address?: string | null; version?: string | null; restarts?: number; detail?: string | null }

/** Every part's health, version and address. Works from the status file when the API itself is down. */
export function addStatusCommand(program: Command, open: Open): void {
  program.command('status').description('health, version and address of every part')
    .action(async (_options: unknown, command: Command) => {
      const { api, print, config, elsewhere, exitCode } = await open(command)
      let parts: Part[]
      let reachable = true
      let unclosedIncidents: number | undefined
      try {
        ;({ parts, unclosedIncidents } = await api.get<{ parts: Part[]; unclosedIncidents: number }>('/v1/status'))
      } catch (error) {
        reachable = false
        const stored = await readFile(path.join(config.dataDir, 'status.json'), 'utf8').catch(() => undefined)
        // It tells of the platform of this machine, not of another.
        if (elsewhere || stored === undefined || !(error instanceof CliError) || error.code !== 'unreachable') throw error
        const last = JSON.parse(stored) as { parts: Part[]; updatedAt: string }
        parts = last.parts
        print.line(`The API does not answer at ${api.url}; this is what the supervisor wrote last, at ${last.updatedAt}. "npm start" starts it.`)
      }
      print.table(parts.map((part) => ({ ...part })), ['name', 'state', 'version', 'address', 'restarts', 'detail'])
      if (unclosedIncidents) print.line(`${counted(unclosedIncidents, 'incident')} that nobody has closed: twinward incidents`)
      print.document({ reachable, parts, unclosedIncidents })
      if (!reachable || parts.some((part) => part.state !== 'running' && part.state !== 'healthy')) exitCode(exitCodes.refused)
    })
}
