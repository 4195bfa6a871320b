import type { Command } from 'commander'
import { loadConfig, type Config } from '../config.ts'
import { createApiClient, findKey, type ApiClient } from './api-client.ts'
import { createPrinter, type Printer } from './print.ts'

export interface GlobalOptions { json?: boolean; url?: string; keyFile?: string; site?: string }

/** What a command gets: where the platform is, how to speak to it and how to speak to the user. */
export interface CommandContext {
  readonly config: Config
  readonly api: ApiClient
  readonly print: Printer
  readonly site: string | undefined
}

export async function openContext(command: Command): Promise<CommandContext> {
  const options = command.optsWithGlobals<GlobalOptions>()
  const config = loadConfig()
  // A wildcard address is for listening; calls go to this machine.
  const host = ['0.0.0.0', '::'].includes(config.host) ? '127.0.0.1' : config.host
  const url = options.url ?? `http://${host}:${config.port}`
  return {
    config,
    api: createApiClient(url, await findKey(config, options.keyFile)),
    print: createPrinter(options.json === true),
    site: options.site,
  }
}
