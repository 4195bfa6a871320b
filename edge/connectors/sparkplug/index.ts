import { refuse } from '../../../registry/domain/errors.ts'
import type { ConnectorKind } from '../kind.ts'
import { parseSparkplugAddress } from './address.ts'
import { sparkplugConfigSchema, type SparkplugConfig } from './config.ts'
import { createSparkplugSource } from './source.ts'

/** Sparkplug B 3.0 (ISO/IEC 20237) as a host application, on request the primary one. */
export const sparkplug: ConnectorKind<SparkplugConfig> = {
  type: 'sparkplug',
  config: sparkplugConfigSchema,
  checkAddress(address, kind) {
    if (kind !== 'scalar') refuse('invalid', `Sparkplug address "${address}" is mapped as a waveform; Sparkplug metrics are single numbers here: make it a scalar, or send waveforms as JSON (mqtt-json)`)
    parseSparkplugAddress(address)
  },
  create: createSparkplugSource,
}
