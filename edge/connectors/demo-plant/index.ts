import { createScenario, type DemoPlantConfig, type DemoPlantTruth } from './scenario.ts'

export { createDemoPlant, type DemoPlant } from './plant.ts'
export { demoPlantConfigSchema, type DemoPlantConfig, type DemoPlantTruth } from './scenario.ts'
export { createDemoPlantSource, demoPlantDigest } from './source.ts'
export { bearing as demoPlantBearing, demoPlantAssets, demoPlantTagMap } from './tags.ts'

/** What really happens in the plant of this configuration, without making a reading of it. */
export const demoPlantTruth = (config: DemoPlantConfig): DemoPlantTruth => createScenario(config).truth
