import type { DemoPlantConfig, DemoPlantTruth } from '../../edge/connectors/demo-plant/index.ts'
import type { Platform } from '../platform.ts'
import type { DemoClients } from './clients.ts'
import type { Narrator } from './narrator.ts'
import type { WebhookReceiver } from './webhook-receiver.ts'

/** What the steps share: the running platform, the people, and what has been found so far. */
export interface Demo {
  readonly platform: Platform
  readonly narrator: Narrator
  readonly people: DemoClients
  readonly plant: DemoPlantConfig
  readonly truth: DemoPlantTruth
  readonly bufferDirectory: string
  readonly hooks: WebhookReceiver
  /** Until here the plant is healthy and the first model is trained on it. */
  readonly trainedThroughUs: number
}
