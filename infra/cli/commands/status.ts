import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Command } from 'commander'
import { CliError } from '../api-client.ts'
import { openContext } from '../context.ts'

interface Part { name: string; state: string; address?: string | null; version?: string | null; restarts?: number; detail?: string | null }

/** Every part's health, version and address. Works from the status file when the API itself is down. */
export function addStatusCommand(program: Command): void {
  program.command('status').description('health, version and address of every part')
    .action(async (_options: unknown, command: Command) => {
      const { api, print, config } = await openContext(command)
      let parts: Part[]
      let reachable = true
      try {
        parts = (await api.get<{ parts: Part[] }>('/v1/status')).parts
      } catch (error) {
        reachable = false
        const stored = await readFile(path.join(config.dataDir, 'status.json'), 'utf8').catch(() => undefined)
        if (stored === undefined || !(error instanceof CliError) || error.code !== 'unreachable') throw error
        parts = (JSON.parse(stored) as { parts: Part[] }).parts
        print.line(`The API does not answer at ${api.url}; this is what the supervisor wrote last.`)
      }
      print.table(parts.map((part) => ({ ...part })), ['name', 'state', 'version', 'address', 'restarts', 'detail'])
      print.document({ reachable, parts })
      if (!reachable || parts.some((part) => part.state !== 'running' && part.state !== 'healthy')) process.exitCode = 1
    })
}
