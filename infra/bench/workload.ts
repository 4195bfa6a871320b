import { randomBytes } from 'node:crypto'
import { encodeReadings, encodeWaveforms } from '../../registry/domain/codec/encode.ts'
import { batchHeaderSchema, type BatchHeader } from '../../registry/domain/contract/batch.ts'
import { assetImportSchema } from '../../registry/domain/contract/hierarchy.ts'
import type { ReadingColumns, WaveformRow } from '../../registry/domain/contract/reading.ts'
import type { FeatureSetInput } from '../../registry/domain/features/feature-set.ts'
import type { PolicyInput } from '../../registry/domain/policy/policy.ts'

/**
 * The fixed workload: fleets of 20 machines with 5 scalar tags each at 1 Hz, 30 features over windows of a minute. Each
 * thing measured has a fleet and a gateway of its own: an asset's windows wait for all gateways that feed it.
 */
export const benchSite = 'bench'
export const benchFamily = 'bench-pumps'
export const benchWaveFamily = 'bench-recorders'
export type Fleet = 'large' | 'small' | 'latency' | 'edge' | 'wave'
const SCALAR_FLEETS: readonly Fleet[] = ['large', 'small', 'latency', 'edge']
const ASSETS = 20
const ROLES = ['temperature', 'pressure', 'flow', 'current', 'vibration'] as const
const STATISTICS = ['mean', 'std', 'min', 'max', 'slope', 'rms'] as const
const SECOND_US = 1_000_000
const MINUTE_US = 60 * SECOND_US
const VALID_FROM = '2020-01-01T00:00:00Z'

const assetIds = (fleet: Fleet): string[] => Array.from({ length: ASSETS }, (_, i) => `${fleet}-${String(i + 1).padStart(2, '0')}`)
export const tagKeysOf = (fleet: Fleet): string[] => assetIds(fleet).flatMap((asset) => ROLES.map((role) => `${asset}/${role}`)).sort()
export const gatewayOf = (fleet: Fleet): string => `bench-${fleet}`

const asset = (id: string, family: string) => ({ id, name: id, class: 'centrifugal-pump', family, line: 'line', validFrom: VALID_FROM })
export const benchAssets = assetImportSchema.parse({
  site: { id: benchSite, name: 'Bench' },
  areas: [{ id: 'hall', name: 'Hall' }],
  lines: [{ id: 'line', area: 'hall', name: 'Line' }],
  assets: [
    ...SCALAR_FLEETS.flatMap(assetIds).map((id) => asset(id, benchFamily)),
    ...assetIds('wave').map((id) => asset(id, benchWaveFamily)),
  ],
  tags: [
    ...SCALAR_FLEETS.flatMap(assetIds).flatMap((id) => ROLES.map((role) => (
      { asset: id, name: role, role, unit: '1', canonicalUnit: '1', validFrom: VALID_FROM }))),
    ...assetIds('wave').map((id) => (
      { asset: id, name: 'waveform', role: 'waveform', kind: 'waveform', unit: 'm/s2', canonicalUnit: 'm/s2', validFrom: VALID_FROM })),
  ],
})

export const benchFeatureSet: FeatureSetInput = {
  name: 'bench-condition', version: 1, windowUs: MINUTE_US, hopUs: MINUTE_US,
  features: ROLES.flatMap((role) => STATISTICS.map((kind) => ({ name: `${role}-${kind}`, role, kind }))),
}

/** Of each recording its amplitude statistics and four bands of its spectrum. */
export const benchWaveFeatureSet: FeatureSetInput = {
  name: 'bench-spectrum', version: 1, windowUs: MINUTE_US, hopUs: MINUTE_US,
  features: [
    ...(['wave_rms', 'wave_kurtosis', 'wave_crest', 'wave_peak'] as const).map((kind) => ({ name: kind.replace('_', '-'), role: 'waveform', kind })),
    ...[0, 1, 2, 3].map((i) => ({ name: `band-${i}`, role: 'waveform', kind: 'band_rms' as const, params: { loHz: 10 + i * 1500, hiHz: 1500 + i * 1500 } })),
  ],
}

export const benchPolicy: PolicyInput = {
  name: benchFamily, version: 1,
  rules: [{ id: 'anomaly', signal: 'confidence', comparison: 'above', raiseAt: 0.99999, clearAt: 0.9, severity: 'low', recommendedAction: 'Look at it.' }],
  routing: { channels: { low: [], medium: [], high: [], urgent: [] }, acknowledgeWithinSeconds: 3600 },
}

export interface Publication { readonly gateway: string; readonly sequence: number; readonly readings: number; readonly bytes: Uint8Array }

export type BatchStream = ReturnType<typeof createStream>

/** The stream of batches of a fleet's gateway; it never sends a reading twice. */
export function createStream(fleet: Fleet, startUs: number) {
  const gateway = gatewayOf(fleet)
  const tags = tagKeysOf(fleet)
  const epoch = randomBytes(8).toString('hex')
  let sequence = 0
  let atUs = startUs
  const header = (kind: BatchHeader['kind'], count: number, completeThroughUs: number): BatchHeader => batchHeaderSchema.parse({
    contract: 1, site: benchSite, gateway, epoch, sequence: ++sequence, kind, mode: 'live', mappingDigest: '0'.repeat(64), count,
    completeThroughUs, createdUs: Date.now() * 1000, traceId: randomBytes(16).toString('hex'),
  })
  return {
    fleet,
    /** Every window that ends up to here is due once all was ingested. */
    get throughUs() { return Math.floor((atUs - SECOND_US) / MINUTE_US) * MINUTE_US },
    /** The next `readings` scalar readings: all tags at 1 Hz, ordered by tag and time. */
    readings(readings: number): Publication {
      const seconds = Math.floor(readings / tags.length)
      const columns = scalarColumns(tags, seconds, atUs)
      atUs += seconds * SECOND_US
      const head = header('readings', columns.tag.length, atUs - SECOND_US)
      return { gateway, sequence: head.sequence, readings: head.count, bytes: encodeReadings(head, columns) }
    },
    /** One recording of every machine, `samples` long, a minute later than the last. */
    waveforms(samples: number): Publication {
      atUs += MINUTE_US
      const rows = assetIds('wave').map((id, i): WaveformRow => ({
        tag: `${id}/waveform`, startUs: atUs, intervalUs: 78.125, gatewayUs: atUs, scale: 9.80665, offset: 0, quality: 0,
        samples: Float32Array.from({ length: samples }, (_, k) => Math.sin(k * (0.05 + i * 0.001)) + ((k * 7919 + i) % 101) / 500),
      }))
      const head = header('waveforms', rows.length, atUs)
      return { gateway, sequence: head.sequence, readings: rows.length, bytes: encodeWaveforms(head, rows) }
    },
  }
}

/** Slow waves with small, repeatable noise: values a sensor could give, cheap to make. */
function scalarColumns(tags: readonly string[], seconds: number, startUs: number): ReadingColumns {
  const n = seconds * tags.length
  const tag = new Int32Array(n)
  const sourceUs = new Float64Array(n)
  const value = new Float64Array(n)
  for (let t = 0, i = 0; t < tags.length; t++) {
    for (let s = 0; s < seconds; s++, i++) {
      tag[i] = t
      const at = startUs + s * SECOND_US
      sourceUs[i] = at
      value[i] = 50 + t + Math.sin(at / 6e9 + t) + (((at / SECOND_US) * 7919 + t * 104_729) % 1000) / 2000
    }
  }
  return { tags, tag, sourceUs, gatewayUs: sourceUs, raw: value, value, quality: new Uint16Array(n) }
}
