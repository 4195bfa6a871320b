import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { demoPlantConfigSchema, demoPlantTruth } from '../../edge/connectors/demo-plant/index.ts'
import type { Platform } from '../platform.ts'
import { createApiClient } from '../cli/api-client.ts'
import type { Demo } from './context.ts'
import type { Narrator } from './narrator.ts'
import { answerAlert } from './steps/answer-alert.ts'
import { checkDrift } from './steps/check-drift.ts'
import { promote } from './steps/promote.ts'
import { registerPlant } from './steps/register-plant.ts'
import { replay } from './steps/replay.ts'
import { rollBack } from './steps/roll-back.ts'
import { shipPlant } from './steps/ship-plant.ts'
import { train } from './steps/train.ts'
import { summarise, type DemoReport } from './summary.ts'
import { startWebhookReceiver } from './webhook-receiver.ts'

export interface DemoOptions { readonly platform: Platform; readonly narrator: Narrator; readonly dataDir: string; readonly seed: number; readonly days: number }

/** Walks the eight steps through the platform's front doors (MQTT and HTTP); rejects as soon as one does not hold. */
export async function runDemo({ platform, narrator, dataDir, seed, days }: DemoOptions): Promise<DemoReport> {
  const plant = demoPlantConfigSchema.parse({ seed, days, endUs: Math.floor(Date.now() / 60_000) * 60_000_000 })
  const truth = demoPlantTruth(plant)
  const hooks = await startWebhookReceiver()
  try {
    narrator.step('A plant and its people')
    const admin = createApiClient(platform.url, (await readFile(platform.adminKeyFile, 'utf8')).trim())
    const people = await registerPlant(admin, plant, hooks.url, narrator)
    const spanUs = truth.endUs - truth.startUs
    const demo: Demo = {
      platform, narrator, people, plant, truth, hooks,
      bufferDirectory: path.join(dataDir, 'edge', 'demo-plant'),
      trainedThroughUs: Math.round((truth.startUs + spanUs * 0.4) / 3_600e6) * 3_600e6,
    }
    narrator.step('Readings: machine → durable buffer → MQTT → landing zone → chunks and windows')
    const healthy = await shipPlant(demo, demo.trainedThroughUs)
    narrator.step('Training: dataset snapshot, PCA baseline and autoencoder, calibrated')
    const first = await train(demo)
    narrator.step('The gate: nobody promotes alone')
    await promote(demo, first.gate)
    narrator.step('The rest of the weeks: a bearing wears, a sensor fails, a pump is serviced')
    const rest = await shipPlant(demo, truth.endUs)
    narrator.step('The alert: one episode, somebody answers')
    const alert = await answerAlert(demo)
    narrator.step('Drift: is the model still looking at the world it was trained on?')
    const drift = await checkDrift(demo)
    narrator.step('Replay: the same score again from what was stored')
    const replayed = await replay(demo, alert.scoreId)
    narrator.step('Roll back: one call')
    const rolledBack = await rollBack(demo, first.release, drift.release)
    narrator.step('What it came to')
    return await summarise(demo, { acknowledged: healthy.acknowledged + rest.acknowledged, first, alert, drift, replayed, rolledBack })
  } finally {
    await hooks.stop()
  }
}
