import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { z } from 'zod'
import { draftSources } from '../../../edge/connectors/mqtt-browse/draft.ts'
import { listen } from '../../../edge/connectors/mqtt-browse/listen.ts'
import { durationSchema } from '../../../edge/connectors/kind.ts'
import { brokerFields } from '../../../edge/connectors/mqtt/config.ts'
import { checkAgainst } from '../../../edge/schema-problems.ts'
import { createSecrets } from '../../../edge/site/secrets.ts'
import { counted } from '../../../registry/domain/counted.ts'
import { CliError } from '../errors.ts'
import type { Printer } from '../print.ts'

export interface BrowseMqttOptions {
  readonly id?: string
  readonly user?: string
  readonly passwordEnv?: string
  readonly ca?: string
  readonly topic: readonly string[]
  readonly listen: string
  readonly rebirth: boolean
}

/** `edge browse mqtt://…`: listens for a while and prints what it heard as sources of a site file. */
export async function browseMqtt(url: string, { id = 'mqtt-1', user, passwordEnv, ca, topic, listen: listenFor, rebirth }: BrowseMqttOptions, env: NodeJS.ProcessEnv, print: Printer): Promise<void> {
  // A number alone is seconds, as it was before.
  const { data: listenMs, problems: wrong } = checkAgainst(durationSchema, listenFor.replace(/^(\d+)$/, '$1s').replace(/(\d\s*)m$/, '$1min'))
  if (listenMs === undefined || listenMs === 0) throw new CliError('usage', `--listen ${listenFor}: ${wrong?.map(({ message }) => message).join('; ') ?? 'must be more than nothing'}`)
  const { data: broker, problems } = checkAgainst(z.strictObject(brokerFields), {
    url, ...(user !== undefined && { username: user }), ...(passwordEnv !== undefined && { password: { env: passwordEnv } }), ...(ca !== undefined && { tls: { ca: path.resolve(ca) } }),
  })
  if (!broker) throw new CliError('usage', problems.map(({ path: at, message }) => `${at.join('.')}: ${message}`).join('\n'))
  const abort = new AbortController()
  process.once('SIGINT', () => { abort.abort() })
  const heard = await listen({
    broker, clientId: `twinward-${randomBytes(6).toString('hex')}`, topics: topic, listenMs, rebirths: rebirth, secret: createSecrets(env, process.cwd()), signal: abort.signal,
    onHeard: (messages) => { print.progress(`listening for ${listenFor}: ${counted(messages, 'message')}`) },
  })
  const draft = draftSources(heard, id, { url, ...(user !== undefined && { username: user }), ...(passwordEnv !== undefined && { passwordEnv }) })
  if (draft.tags > 0) print.line(draft.yaml.trimEnd())
  const notes = [
    `${counted(heard.messages, 'message')} heard, ${counted(draft.tags, 'tag')} drafted, ${draft.left} that are no numbers left out`,
    ...heard.unborn.length > 0 ? [`not born meanwhile: ${heard.unborn.slice(0, 5).join(', ')}`] : [],
    ...heard.truncated === null ? [] : [heard.truncated],
    ...heard.messages === 0 ? ['nothing was said: listen longer with --listen, or look at --topic and the user\'s rights'] : [],
  ]
  print.progress(`${notes.join('; ')}\n`)
  print.document({ yaml: draft.yaml, tags: draft.tags, left: draft.left, messages: heard.messages, unborn: heard.unborn, truncated: heard.truncated })
}
