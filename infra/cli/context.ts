import type { Command } from 'commander'
import { loadConfig, type Config } from '../config.ts'
import { readJson } from '../private-file.ts'
import { statusFile, type PlatformStatus } from '../status.ts'
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

/** Where the platform on this data folder answers, as it wrote itself; else where the configuration would put it. */
function platformUrl(config: Config): string {
  const status = readJson(statusFile(config.dataDir)) as PlatformStatus | undefined
  if (status) return status.url
  // A wildcard address is for listening; calls go to this machine.
  const host = ['0.0.0.0', '::'].includes(config.host) ? '127.0.0.1' : config.host
  return `http://${host}:${config.port}`
}

export async function openContext(command: Command): Promise<CommandContext> {
  const options = command.optsWithGlobals<GlobalOptions>()
  const config = loadConfig()
  const url = options.url ?? platformUrl(config)
  return {
    config,
    api: createApiClient(url, await findKey(config, options.keyFile)),
    print: createPrinter(options.json === true),
    site: options.site,
  }
}
