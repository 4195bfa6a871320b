import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { enrol } from '../../../edge/identity/enrol.ts'
import { createIdentityStore } from '../../../edge/identity/store.ts'
import { createSecrets } from '../../../edge/site/secrets.ts'
import { readSiteFile } from '../../../edge/site/site-file.ts'
import { microsToIso } from '../../../registry/domain/contract/time.ts'
import { CliError } from '../errors.ts'
import type { Printer } from '../print.ts'

export interface EnrolOptions {
  /** Without it the token is read from standard input: on a command line everybody on the machine could read it. */
  readonly tokenFile?: string
}

/** `edge enrol`: makes a key on this box and gets a certificate for it; from then on the gateway shows that. */
export async function enrolGateway(file: string, { tokenFile }: EnrolOptions, env: NodeJS.ProcessEnv, stdin: NodeJS.ReadableStream, print: Printer): Promise<void> {
  const { plan } = await readSiteFile(file, { env })
  const { identity } = plan.platform
  if (identity === undefined) {
    throw new CliError('invalid', `${file} does not say that this gateway shows a certificate: write platform: { identity: enrolled } in place of mqtt, username and password, then enrol it.`)
  }
  const passphrase = identity.passphrase === null ? null : createSecrets(env, path.dirname(path.resolve(file)))(identity.passphrase)
  const token = tokenFile === undefined ? await text(stdin) : await readFile(tokenFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new CliError('file', `The token file ${tokenFile} cannot be read (${error.code ?? error.message}). Check the path and who may read it.`)
  })
  const directory = path.join(plan.buffer.directory, 'identity')
  const made = await enrol(createIdentityStore(directory, passphrase), { token, site: plan.site, gateway: plan.gateway })
  print.line(`This box is gateway ${made.gateway} of site ${made.site}: its certificate is good until ${microsToIso(made.notAfterUs)} and is renewed before that. Key and certificate are in ${directory}.`)
  print.document({ site: made.site, gateway: made.gateway, door: made.door, mqtt: made.mqtt, notAfter: microsToIso(made.notAfterUs), directory })
}
