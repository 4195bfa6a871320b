import { assetImportSchema, type AssetImport } from '../../../registry/domain/contract/hierarchy.ts'
import { microsToIso } from '../../../registry/domain/contract/time.ts'
import type { BearingGeometry } from '../../../registry/domain/features/bearing.ts'
import { tagMapSchema, type TagMap } from '../../tag-map.ts'
import { bearingDe, bearingNde, createScenario, pumpId, type DemoPlantConfig } from './scenario.ts'

/** SKF 6205 by its catalogue, in mm. */
export const bearing: BearingGeometry = { rollingElements: 9, ballDiameter: 7.94, pitchDiameter: 39.04, contactAngleDeg: 0 }

interface PlantTag {
  readonly name: string
  readonly role: string
  readonly kind: 'scalar' | 'waveform'
  /** As the plant's instruments give it, and as it is stored. */
  readonly unit: string
  readonly canonicalUnit: string
  readonly low: number
  readonly high: number
  readonly component?: (pump: number) => string
}

/** Instruments of one pump, in the order in which `readSensors` fills its figures. */
export const scalarTags = [
  { name: 'vibration-velocity-de', role: 'vibration_velocity_de', kind: 'scalar', unit: 'mm/s', canonicalUnit: 'mm/s', low: 0, high: 50, component: bearingDe },
  { name: 'vibration-velocity-nde', role: 'vibration_velocity_nde', kind: 'scalar', unit: 'mm/s', canonicalUnit: 'mm/s', low: 0, high: 50, component: bearingNde },
  { name: 'motor-current', role: 'motor_current', kind: 'scalar', unit: 'A', canonicalUnit: 'A', low: 0, high: 120 },
  { name: 'motor-temp', role: 'motor_temperature', kind: 'scalar', unit: 'Cel', canonicalUnit: 'Cel', low: -20, high: 180 },
  { name: 'bearing-temp-de', role: 'bearing_temperature_de', kind: 'scalar', unit: 'Cel', canonicalUnit: 'Cel', low: -20, high: 150, component: bearingDe },
  { name: 'suction-pressure', role: 'suction_pressure', kind: 'scalar', unit: 'kPa', canonicalUnit: 'bar', low: -1, high: 10 },
  { name: 'discharge-pressure', role: 'discharge_pressure', kind: 'scalar', unit: 'bar', canonicalUnit: 'bar', low: -1, high: 25 },
  { name: 'flow', role: 'flow', kind: 'scalar', unit: 'm3/h', canonicalUnit: 'm3/h', low: -5, high: 200 },
  { name: 'speed', role: 'speed', kind: 'scalar', unit: '/min', canonicalUnit: '/min', low: 0, high: 2000 },
] as const satisfies readonly PlantTag[]

export const waveformTags = [
  { name: 'vibration-de', role: 'vibration_de', kind: 'waveform', unit: '[g]', canonicalUnit: 'm/s2', low: -500, high: 500, component: bearingDe },
  { name: 'vibration-nde', role: 'vibration_nde', kind: 'waveform', unit: '[g]', canonicalUnit: 'm/s2', low: -500, high: 500, component: bearingNde },
] as const satisfies readonly PlantTag[]

const plantTags: readonly PlantTag[] = [...scalarTags, ...waveformTags]

/** Instrument address in the plant's own numbering. */
export const addressOf = (pump: number, name: string) => `P${pump + 1}.${name}`

export function demoPlantTagMap({ pumps }: Pick<DemoPlantConfig, 'pumps'>): TagMap {
  const tags = Array.from({ length: pumps }, (_, pump) => plantTags.map(({ name, kind, unit, canonicalUnit }) => (
    { address: addressOf(pump, name), tag: `${pumpId(pump)}/${name}`, kind, unit, canonicalUnit })))
  return tagMapSchema.parse({ version: 1, tags: tags.flat() })
}

/** The demo site as a document to register: pumps with motor, bearings (with geometry) and instruments. */
export function demoPlantAssets(config: DemoPlantConfig): AssetImport {
  const validFrom = microsToIso(createScenario(config).startUs - 86_400e6)
  const pumps = Array.from({ length: config.pumps }, (_, pump) => pump)
  return assetImportSchema.parse({
    site: { id: config.site, name: 'Demo plant', timeZone: 'UTC', kind: 'simulation' },
    areas: [{ id: 'utilities', name: 'Utilities' }],
    lines: [{ id: 'cooling-water', area: 'utilities', name: 'Cooling water' }],
    assets: pumps.map((pump) => ({
      id: pumpId(pump), name: `Cooling water pump ${pump + 1}`, class: 'centrifugal-pump', family: 'cooling-pumps', line: 'cooling-water', validFrom,
      nameplate: { ratedPowerKw: 22, ratedRpm: 1480, flowM3h: 90, headM: 45 },
      business: { criticality: 'high', costPerHour: 1200, currency: 'EUR', spares: [{ part: '6205-2RS', onHand: 1, leadTimeDays: 5 }], schedule: {} },
    })),
    components: pumps.flatMap((pump) => [
      { id: `${pumpId(pump)}-motor`, asset: pumpId(pump), name: 'Motor', kind: 'motor', validFrom },
      { id: bearingDe(pump), asset: pumpId(pump), name: 'Drive-end bearing', kind: 'bearing', geometry: bearing, validFrom },
      { id: bearingNde(pump), asset: pumpId(pump), name: 'Non-drive-end bearing', kind: 'bearing', geometry: bearing, validFrom },
    ]),
    tags: pumps.flatMap((pump) => plantTags.map(({ name, role, kind, unit, canonicalUnit, low, high, component }) => ({
      asset: pumpId(pump), name, role, kind, unit, canonicalUnit, range: { low, high }, component: component?.(pump) ?? null, validFrom,
      provenance: {
        device: `demo-plc-${pump + 1}`, gateway: config.gateway, address: addressOf(pump, name),
        samplingHz: kind === 'scalar' ? 1 / config.scalarEverySeconds : config.sampleRateHz,
      },
    }))),
  })
}
