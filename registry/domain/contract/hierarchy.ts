import { z } from 'zod'
import { tagChecksSchema } from '../checks/limits.ts'
import { instantSchema, slugSchema, validitySchema } from './primitives.ts'

/**
 * Where things stand (ISA-95 / ISO 14224 taxonomy, shortened): site → area → line → asset → component → tag.
 * What a thing is keeps its id for ever; where it stands and how it is measured has valid-from and valid-to.
 */
export const siteSchema = z
  .object({
    id: slugSchema,
    name: z.string().min(1).max(200),
    timeZone: z.string().min(1).default('UTC').describe('IANA time zone'),
    kind: z.enum(['plant', 'simulation']).default('plant'),
  })
  .meta({ id: 'Site' })
export type Site = z.infer<typeof siteSchema>

export const areaSchema = z.object({ id: slugSchema, name: z.string().min(1).max(200) }).meta({ id: 'Area' })
export const lineSchema = z.object({ id: slugSchema, area: slugSchema, name: z.string().min(1).max(200) }).meta({ id: 'Line' })

export const criticalitySchema = z.enum(['low', 'medium', 'high', 'critical'])
export type Criticality = z.infer<typeof criticalitySchema>

/** What a stop of this asset means to the business; weighs alerts and canary slices. */
export const businessContextSchema = z
  .object({
    criticality: criticalitySchema.default('medium'),
    costPerHour: z.number().nonnegative().optional(),
    currency: z.string().length(3).optional(),
    spares: z.array(z.object({ part: z.string(), onHand: z.number().int().nonnegative(), leadTimeDays: z.number().nonnegative() })).default([]),
    schedule: z.object({ shifts: z.string().optional(), nextPlannedStop: instantSchema.optional() }).default({}),
  })
  .meta({ id: 'BusinessContext' })

/** Everything the alert path needs to know of a machine; `family` groups assets that share models and policies. */
export const assetSchema = z
  .object({
    id: slugSchema,
    name: z.string().min(1).max(200),
    class: slugSchema.describe('Asset class: which roles its tags can have, e.g. centrifugal-pump'),
    family: slugSchema,
    line: slugSchema,
    owner: slugSchema.nullable().default(null).describe('Actor who answers for the asset'),
    nameplate: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
    business: businessContextSchema.default({ criticality: 'medium', spares: [], schedule: {} }),
    ...validitySchema,
  })
  .meta({ id: 'Asset' })
export type Asset = z.infer<typeof assetSchema>

export const componentSchema = z
  .object({
    id: slugSchema,
    asset: slugSchema,
    name: z.string().min(1).max(200),
    kind: slugSchema.describe('e.g. bearing, motor, seal'),
    geometry: z.record(z.string(), z.number()).default({}).describe('Of a bearing: rollingElements, ballDiameter, pitchDiameter (mm), contactAngleDeg'),
    ...validitySchema,
  })
  .meta({ id: 'Component' })

/** Where a tag's value comes from: enough to find the wire it travelled on. */
export const provenanceSchema = z
  .object({
    device: z.string().min(1).max(200),
    gateway: slugSchema,
    address: z.string().min(1).max(500).describe('Source address as the connector knows it: column, node id, register, topic'),
    samplingHz: z.number().positive().nullable().default(null),
  })
  .meta({ id: 'Provenance' })

export const tagSchema = z
  .object({
    asset: slugSchema,
    name: slugSchema,
    component: slugSchema.nullable().default(null),
    role: slugSchema.describe('What it measures in the asset class, e.g. vibration_de; features are defined over roles'),
    kind: z.enum(['scalar', 'waveform']).default('scalar'),
    unit: z.string().min(1).describe('UCUM unit the device gives'),
    canonicalUnit: z.string().min(1).describe('UCUM unit readings are stored in'),
    range: z.object({ low: z.number(), high: z.number() }).nullable().default(null).describe('In the canonical unit'),
    checks: tagChecksSchema.nullable().default(null).describe('What readings are held against beside the range, where they land; what fails is flagged, and stored'),
    provenance: provenanceSchema.nullable().default(null),
    calibration: z.object({ due: instantSchema.nullable(), certificate: z.string().nullable() }).nullable().default(null),
    ...validitySchema,
  })
  .meta({ id: 'Tag' })
export type Tag = z.infer<typeof tagSchema>

/** One file or request that brings in a site's registry; applying it twice changes nothing. */
export const assetImportSchema = z
  .object({
    site: siteSchema,
    areas: z.array(areaSchema).default([]),
    lines: z.array(lineSchema).default([]),
    assets: z.array(assetSchema).default([]),
    components: z.array(componentSchema).default([]),
    tags: z.array(tagSchema).default([]),
  })
  .meta({ id: 'AssetImport' })
export type AssetImport = z.infer<typeof assetImportSchema>

export const assetImportExample: z.input<typeof assetImportSchema> = {
  site: { id: 'hamburg', name: 'Hamburg works', timeZone: 'Europe/Berlin' },
  areas: [{ id: 'utilities', name: 'Utilities' }],
  lines: [{ id: 'cooling', area: 'utilities', name: 'Cooling water' }],
  assets: [
    {
      id: 'pump-1', name: 'Cooling water pump 1', class: 'centrifugal-pump', family: 'cooling-pumps', line: 'cooling',
      owner: 'rita', validFrom: '2024-05-01T00:00:00Z',
      business: { criticality: 'high', costPerHour: 1200, currency: 'EUR', spares: [{ part: '6205-2RS', onHand: 2, leadTimeDays: 5 }], schedule: {} },
    },
  ],
  components: [
    { id: 'bearing-de', asset: 'pump-1', name: 'Drive-end bearing', kind: 'bearing', geometry: { rollingElements: 9, ballDiameter: 7.94, pitchDiameter: 39.04, contactAngleDeg: 0 }, validFrom: '2024-05-01T00:00:00Z' },
  ],
  tags: [
    {
      asset: 'pump-1', name: 'motor-temp', component: null, role: 'motor_temperature', unit: '[degF]', canonicalUnit: 'Cel',
      range: { low: -20, high: 180 }, validFrom: '2024-05-01T00:00:00Z',
      provenance: { device: 'plc-7', gateway: 'gw-1', address: 'ns=2;s=P1.MotorTemp', samplingHz: 1 },
    },
  ],
}
