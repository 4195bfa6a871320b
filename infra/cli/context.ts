import type { Command } from 'commander'
import { loadConfig, type Config } from '../config.ts'
import { readJson } from '../private-file.ts'
import { statusFile, type PlatformStatus } from '../status-file.ts'
import { createApiClient, findKey, type ApiClient } from './api-client.ts'
import { CliError } from './errors.ts'
import { createPrinter, type Printer } from './print.ts'
import type { Terminal } from './terminal.ts'

export interface GlobalOptions { json?: boolean; url?: string; keyFile?: string; site?: string }

/** What a command gets: where the platform is, how to speak to it and how to speak to the user. */
export interface CommandContext {
  readonly config: Config
  readonly api: ApiClient
  readonly print: Printer
  readonly site: string | undefined
  /** The command was told to look elsewhere than at the platform of this machine. */
  readonly elsewhere: boolean
  /** The exit code of a command that did its work, but found something not well. */
  readonly exitCode: (code: number) => void
}

export type Open = (command: Command) => Promise<CommandContext>

/** Where the platform on this data folder answers, as it wrote itself; else where the configuration would put it. */
function platformUrl(config: Config): string {
  const status = readJson(statusFile(config.dataDir)) as PlatformStatus | undefined
  if (status) return status.url
  // A wildcard address is for listening; calls go to this machine.
  const host = ['0.0.0.0', '::'].includes(config.host) ? '127.0.0.1' : config.host
  return `http://${host}:${config.port}`
}

export async function openContext(command: Command, terminal: Terminal, exitCode: (code: number) => void): Promise<CommandContext> {
  const options = command.optsWithGlobals<GlobalOptions>()
  const config = loadConfig(terminal.env)
  const own = platformUrl(config)
  const url = options.url ?? own
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) throw new CliError('usage', `--url ${url} is no address; write it as http://127.0.0.1:8080.`)
  return {
    config,
    api: createApiClient(url, await findKey(config, options.keyFile, terminal.env)),
    print: createPrinter(options.json === true, terminal),
    site: options.site,
    elsewhere: url !== own,
    exitCode,
  }
}
