import { randomBytes } from 'node:crypto'
import { encodeReadings, encodeWaveforms } from '../../registry/domain/codec/encode.ts'
import { batchHeaderSchema, type BatchHeader } from '../../registry/domain/contract/batch.ts'
import { assetImportSchema } from '../../registry/domain/contract/hierarchy.ts'
import type { ReadingColumns, WaveformRow } from '../../registry/domain/contract/reading.ts'
import type { FeatureSetInput } from '../../registry/domain/features/feature-set.ts'
import type { PolicyInput } from '../../registry/domain/policy/policy.ts'

/** The fixed workload: 20 machines with 5 scalar tags each at 1 Hz, 30 features over windows of a minute. */
export const benchSite = 'bench'
export const benchFamily = 'bench-pumps'
const ASSETS = 20
const ROLES = ['temperature', 'pressure', 'flow', 'current', 'vibration'] as const
const STATISTICS = ['mean', 'std', 'min', 'max', 'slope', 'rms'] as const
const SECOND_US = 1_000_000

const assetId = (i: number) => `pump-${String(i + 1).padStart(2, '0')}`
export const benchTagKeys = Array.from({ length: ASSETS }, (_, i) => ROLES.map((role) => `${assetId(i)}/${role}`)).flat().sort()
const waveTags = Array.from({ length: ASSETS }, (_, i) => `${assetId(i)}/waveform`)
const benchTags = benchTagKeys.length

export const benchAssets = assetImportSchema.parse({
  site: { id: benchSite, name: 'Bench' },
  areas: [{ id: 'hall', name: 'Hall' }],
  lines: [{ id: 'line', area: 'hall', name: 'Line' }],
  assets: Array.from({ length: ASSETS }, (_, i) => ({ id: assetId(i), name: assetId(i), class: 'centrifugal-pump', family: benchFamily, line: 'line', validFrom: '2020-01-01T00:00:00Z' })),
  tags: Array.from({ length: ASSETS }, (_, i) => [
    ...ROLES.map((role) => ({ asset: assetId(i), name: role, role, unit: '1', canonicalUnit: '1', validFrom: '2020-01-01T00:00:00Z' })),
    { asset: assetId(i), name: 'waveform', role: 'waveform', kind: 'waveform', unit: 'm/s2', canonicalUnit: 'm/s2', validFrom: '2020-01-01T00:00:00Z' },
  ]).flat(),
})

export const benchFeatureSet: FeatureSetInput = {
  name: 'bench-condition', version: 1, windowUs: 60 * SECOND_US, hopUs: 60 * SECOND_US,
  features: ROLES.flatMap((role) => STATISTICS.map((kind) => ({ name: `${role}-${kind}`, role, kind }))),
}

export const benchPolicy: PolicyInput = {
  name: benchFamily, version: 1,
  rules: [{ id: 'anomaly', signal: 'confidence', comparison: 'above', raiseAt: 0.99999, clearAt: 0.9, severity: 'low', recommendedAction: 'Look at it.' }],
  routing: { channels: { low: [], medium: [], high: [], urgent: [] }, acknowledgeWithinSeconds: 3600 },
}

export interface Publication { readonly gateway: string; readonly sequence: number; readonly readings: number; readonly bytes: Uint8Array }

/** One gateway's stream of batches with times of its own; the same stream never sends a reading twice. */
export function createStream(gateway: string, startUs: number) {
  const epoch = randomBytes(8).toString('hex')
  let sequence = 0
  let atUs = startUs
  const header = (kind: BatchHeader['kind'], count: number, completeThroughUs: number): BatchHeader => batchHeaderSchema.parse({
    contract: 1, site: benchSite, gateway, epoch, sequence: ++sequence, kind, mode: 'live', mappingDigest: '0'.repeat(64), count,
    completeThroughUs, createdUs: Date.now() * 1000, traceId: randomBytes(16).toString('hex'),
  })
  return {
    /** The next `readings` scalar readings: all tags at 1 Hz, ordered by tag and time. */
    readings(readings: number): Publication {
      const seconds = Math.floor(readings / benchTags)
      const columns = scalarColumns(seconds, atUs)
      atUs += seconds * SECOND_US
      const head = header('readings', columns.tag.length, atUs - SECOND_US)
      return { gateway, sequence: head.sequence, readings: head.count, bytes: encodeReadings(head, columns) }
    },
    /** One recording of every machine, `samples` long, a minute later than the last. */
    waveforms(samples: number): Publication {
      atUs += 60 * SECOND_US
      const rows = waveTags.map((tag, i): WaveformRow => ({
        tag, startUs: atUs, intervalUs: 78.125, gatewayUs: atUs, scale: 9.80665, offset: 0, quality: 0,
        samples: Float32Array.from({ length: samples }, (_, k) => Math.sin(k * (0.05 + i * 0.001)) + ((k * 7919 + i) % 101) / 500),
      }))
      const head = header('waveforms', rows.length, atUs)
      return { gateway, sequence: head.sequence, readings: rows.length, bytes: encodeWaveforms(head, rows) }
    },
  }
}

/** Slow waves with small, repeatable noise: values a sensor could give, cheap to make. */
function scalarColumns(seconds: number, startUs: number): ReadingColumns {
  const n = seconds * benchTags
  const tag = new Int32Array(n)
  const sourceUs = new Float64Array(n)
  const value = new Float64Array(n)
  for (let t = 0, i = 0; t < benchTags; t++) {
    for (let s = 0; s < seconds; s++, i++) {
      tag[i] = t
      const at = startUs + s * SECOND_US
      sourceUs[i] = at
      value[i] = 50 + t + Math.sin(at / 6e9 + t) + (((at / SECOND_US) * 7919 + t * 104_729) % 1000) / 2000
    }
  }
  return { tags: benchTagKeys, tag, sourceUs, gatewayUs: sourceUs, raw: value, value, quality: new Uint16Array(n) }
}
