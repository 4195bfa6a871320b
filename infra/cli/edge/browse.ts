import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { pino } from 'pino'
import { browseOpcUa } from '../../../edge/connectors/opcua/browse.ts'
import { opcUaConnectionSchema } from '../../../edge/connectors/opcua/config.ts'
import { draftSiteTags } from '../../../edge/connectors/opcua/draft-site-tags.ts'
import { checkAgainst } from '../../../edge/schema-problems.ts'
import { createSecrets } from '../../../edge/site/secrets.ts'
import { counted } from '../../../registry/domain/counted.ts'
import { CliError } from '../errors.ts'
import type { Printer } from '../print.ts'

export interface BrowseOptions {
  readonly id?: string
  readonly root?: string
  readonly depth: number
  readonly security: 'None' | 'Sign' | 'SignAndEncrypt'
  readonly user?: string
  readonly passwordEnv?: string
  readonly trustOnFirstUse?: boolean
  readonly allowPasswordWithoutSecurity?: boolean
  readonly certificates?: string
}

/** `edge browse`: walks an OPC UA server and prints its numbers as a source of a site file. */
export async function browseServer(endpoint: string, { id = 'opcua-1', ...options }: BrowseOptions, env: NodeJS.ProcessEnv, print: Printer): Promise<void> {
  if ((options.user === undefined) !== (options.passwordEnv === undefined)) throw new CliError('usage', '--user and --password-env belong together: the password comes from the environment.')
  const { data: connection, problems } = checkAgainst(opcUaConnectionSchema, {
    endpoint, security: { mode: options.security }, trustOnFirstUse: options.trustOnFirstUse === true, allowPasswordWithoutSecurity: options.allowPasswordWithoutSecurity === true,
    ...(options.user !== undefined && { user: { name: options.user, password: { env: options.passwordEnv ?? '' } } }),
  })
  if (!connection) throw new CliError('usage', problems.map(({ path: at, message }) => `${at.join('.')}: ${message}`).join('\n'))
  const directory = path.resolve(options.certificates ?? path.join('buffer', 'connectors', id))
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const abort = new AbortController()
  process.once('SIGINT', () => { abort.abort() })
  const { variables, visited, truncated } = await browseOpcUa({
    connection, id, directory, secret: createSecrets(env, process.cwd()), log: pino({ level: 'silent' }), maxDepth: options.depth, signal: abort.signal,
    ...(options.root !== undefined && { root: options.root }),
  })
  const draft = draftSiteTags(variables, { id, endpoint })
  print.line(draft.yaml.trimEnd())
  print.progress(`${counted(visited, 'node')} seen, ${counted(draft.tags, 'tag')} drafted, ${counted(draft.left, 'variable')} that are no numbers left out${truncated === null ? '' : `; ${truncated}`}\n`)
  print.document({ yaml: draft.yaml, tags: draft.tags, left: draft.left, visited, truncated, variables })
}
