import { z } from 'zod'
import { canonicalDigest } from '../canonical.ts'
import { slugSchema } from '../contract/primitives.ts'
import { bearingDefects, bearingGeometrySchema } from './bearing.ts'

/** Statistics of the scalar readings of a role; what each means: {@link ScalarStatistics} in time-domain.ts. */
export const scalarKinds = [
  'mean', 'rms', 'std', 'skewness', 'kurtosis', 'min', 'max', 'range', 'last', 'slope', 'count',
] as const
export type ScalarKind = (typeof scalarKinds)[number]

/** Amplitude statistics of the waveforms of a role; what each means: {@link WaveStatistics} in time-domain.ts. */
export const waveKinds = [
  'wave_mean', 'wave_rms', 'wave_std', 'wave_skewness', 'wave_kurtosis', 'wave_peak', 'wave_peak_to_peak', 'wave_crest',
  'wave_shape', 'wave_impulse', 'wave_clearance', 'wave_count',
] as const
export type WaveKind = (typeof waveKinds)[number]

export const bandKinds = ['band_rms', 'band_peak_amplitude', 'band_peak_frequency'] as const
export type BandKind = (typeof bandKinds)[number]

const SEGMENT_HELP = 'a power of two from 64 to 1048576: the number of samples of one spectrum'
const segmentSchema = z.int().min(64).max(1 << 20).refine((n) => (n & (n - 1)) === 0, SEGMENT_HELP)

const bandShape = { loHz: z.number().min(0), hiHz: z.number().positive() }
const bandOrder = { path: ['hiHz'], error: 'must be greater than loHz' }

const bandParams = z.strictObject({ ...bandShape, segment: segmentSchema.default(4096) })
  .refine((p) => p.hiHz > p.loHz, bandOrder)

/**
 * `shaft` gives the speed: a fixed one in Hz, or the role of a speed tag in rpm, whose mean over the window counts.
 * `loHz`–`hiHz` is the resonance band that is demodulated.
 */
const defectParams = z.strictObject({
  ...bandShape,
  segment: segmentSchema.default(16384),
  defect: z.enum(bearingDefects),
  bearing: bearingGeometrySchema,
  shaft: z.union([z.strictObject({ hz: z.number().positive() }), z.strictObject({ rpmRole: slugSchema })]),
  harmonics: z.int().min(1).max(20).default(3),
  tolerance: z.number().positive().max(0.1).default(0.02),
}).refine((p) => p.hiHz > p.loHz, bandOrder)

const common = {
  name: slugSchema,
  role: slugSchema,
  /** Whether readings of uncertain quality count beside the good ones; bad ones never do. */
  acceptUncertain: z.boolean().default(true),
  /** Fewer readings (or samples) than this and the feature is missing. */
  minCount: z.int().min(1).optional(),
}

export const featureSchema = z.discriminatedUnion('kind', [
  z.strictObject({ ...common, kind: z.enum(scalarKinds) }),
  z.strictObject({ ...common, kind: z.enum(waveKinds) }),
  z.strictObject({ ...common, kind: z.enum(bandKinds), params: bandParams }),
  z.strictObject({ ...common, kind: z.literal('envelope_defect'), params: defectParams }),
])

/**
 * A versioned list of features as data. `role` is the tag's role in the asset class (`vibration_de`), so one set serves
 * every asset of the class. A published version never changes: its digest is what models and scores refer to.
 */
export const featureSetSchema = z.strictObject({
  name: slugSchema,
  version: z.int().min(1),
  windowUs: z.int().min(1),
  hopUs: z.int().min(1),
  /** Share of a role's readings in the window that must count, or its features are missing. */
  minGoodFraction: z.number().min(0).max(1).default(0.5),
  features: z.array(featureSchema).min(1).max(1000),
}).check((context) => {
  const set = context.value
  if (set.hopUs > set.windowUs) {
    context.issues.push({
      code: 'custom', path: ['hopUs'], input: set.hopUs,
      message: `hop ${set.hopUs} µs is longer than the window (${set.windowUs} µs): readings between two windows would `
        + 'never be seen; make the hop at most as long as the window',
    })
  }
  const firstAt = new Map<string, number>()
  set.features.forEach((feature, i) => {
    const first = firstAt.get(feature.name)
    if (first === undefined) firstAt.set(feature.name, i)
    else {
      context.issues.push({
        code: 'custom', path: ['features', i, 'name'], input: feature.name,
        message: `"${feature.name}" is already the name of features[${first}]; give each feature a name of its own`,
      })
    }
  })
})

export type Feature = z.infer<typeof featureSchema>
export type ScalarFeature = Extract<Feature, { kind: ScalarKind }>
export type WaveFeature = Extract<Feature, { kind: WaveKind }>
export type BandFeature = Extract<Feature, { kind: BandKind }>
export type DefectFeature = Extract<Feature, { kind: 'envelope_defect' }>
export type WaveformFeature = WaveFeature | BandFeature | DefectFeature
export type FeatureSet = z.infer<typeof featureSetSchema>
/** As people write it: defaults may be left out. */
export type FeatureSetInput = z.input<typeof featureSetSchema>

/** SHA-256 hex of the canonical JSON of a parsed feature set: defaults are part of it, the order of its keys is not. */
export function featureSetDigest(set: FeatureSet): string {
  return canonicalDigest(set)
}

/** The roles whose readings a set needs, each once: `waveform` for recordings, `scalar` for readings. */
export function featureSetRoles(set: FeatureSet): { scalar: string[]; waveform: string[] } {
  const scalar = new Set<string>()
  const waveform = new Set<string>()
  for (const feature of set.features) {
    if (isScalarFeature(feature)) scalar.add(feature.role)
    else waveform.add(feature.role)
    if (feature.kind === 'envelope_defect' && 'rpmRole' in feature.params.shaft) scalar.add(feature.params.shaft.rpmRole)
  }
  return { scalar: [...scalar], waveform: [...waveform] }
}

export function isScalarFeature(feature: Feature): feature is ScalarFeature {
  return (scalarKinds as readonly string[]).includes(feature.kind)
}
