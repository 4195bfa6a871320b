import { refuse } from '../../../registry/domain/errors.ts'
import { suggest } from '../../schema-problems.ts'
import type { ConnectorKind } from '../kind.ts'
import { httpPushConfigSchema, type HttpPushConfig } from './config.ts'
import { createHttpPushSource } from './source.ts'

const NAME = /^[^\s\p{C}](?:[^\p{C}]{0,198}[^\s\p{C}])?$/u

/** Machines that can only call out: they send readings to the gateway over HTTP. */
export const httpPush: ConnectorKind<HttpPushConfig> = {
  type: 'http-push',
  config: httpPushConfigSchema,
  checkAddress(address) {
    if (!NAME.test(address)) refuse('invalid', `"${address}" is no name a machine could send; write 1 to 200 characters as they come, without blanks at the ends`)
  },
  checkConfig({ tokens }, tags) {
    const known = [...new Set(tags.map(({ asset }) => asset))]
    return tokens.flatMap(({ name, assets = [] }, at) => assets.flatMap((asset, index) => (known.includes(asset) ? [] : [{
      path: ['tokens', at, 'assets', index], message: `no tag of this source is of the asset "${asset}"${suggest(asset, known)}; ${name} could send nothing for it`,
    }])))
  },
  create: createHttpPushSource,
}
