import { refuse } from '../../../registry/domain/errors.ts'
import type { ConnectorKind } from '../kind.ts'
import { parseNodeAddress } from './address.ts'
import { opcUaConfigSchema, type OpcUaConfig } from './config.ts'
import { createOpcUaHealth } from './health.ts'
import type { Writing } from './run.ts'

export { opcUaConfigSchema, opcUaConnectionSchema, type OpcUaConfig, type OpcUaConnection } from './config.ts'

/** OPC UA servers: subscriptions, with the history of what was missed where the server keeps one. */
export const opcUa: ConnectorKind<OpcUaConfig> = {
  type: 'opcua',
  config: opcUaConfigSchema,
  checkAddress(address, kind, { nodes }) {
    parseNodeAddress(address)
    const sampleRateHz = nodes[address]?.sampleRateHz
    if (kind === 'waveform' && sampleRateHz === undefined) {
      refuse('invalid', `waveform "${address}" has no sample rate; add it to the source: nodes: { "${address}": { sampleRateHz: 12800 } }`)
    }
    if (kind === 'scalar' && sampleRateHz !== undefined) refuse('invalid', `"${address}" has a sample rate but is a scalar tag; write kind: waveform for the tag, or remove sampleRateHz`)
  },
  checkWrite: (address) => { parseNodeAddress(address) },
  create(config, context) {
    const health = createOpcUaHealth()
    const writing: Writing = { write: undefined }
    return {
      id: context.id,
      mode: 'live',
      map: context.map,
      async run(outlet, signal) {
        // The stack is large; a gateway without OPC UA does not load it.
        const { runConnection } = await import('./run.ts')
        await runConnection({ config, context, health, writing }, outlet, signal)
      },
      async write(address, value) {
        if (!writing.write) refuse('unavailable', `${address} cannot be written: there is no session`)
        await writing.write(address, value)
      },
      health: () => health.describe(),
    }
  },
}
