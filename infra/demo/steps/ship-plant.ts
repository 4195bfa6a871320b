import { counted } from '../../../registry/domain/counted.ts'
import pino from 'pino'
import { runDemoPlant } from '../../../edge/run-demo-plant.ts'
import { microsToIso } from '../../../registry/domain/contract/time.ts'
import type { Demo } from '../context.ts'
import { waitFor } from '../wait.ts'

/** Runs the gateway until plant time `throughUs`, then waits until the platform has closed every window of it. */
export async function shipPlant({ platform, narrator, people, plant, bufferDirectory }: Demo, throughUs: number): Promise<{ acknowledged: number }> {
  const report = await runDemoPlant({
    config: plant, throughUs, bufferDirectory, mqtt: platform.connections.mqtt, log: pino({ level: 'silent' }),
    onProgress: (progress) => narrator.progress(`plant time ${microsToIso(progress.throughUs).slice(0, 10)}, ${progress.acknowledged} rows acknowledged, ${progress.waiting} in the buffer`),
  })
  await waitFor('every batch to be committed and its windows closed', async () => {
    const { waiting } = await people.admin.get<{ waiting: number }>('/v1/batches/totals', { site: plant.site })
    narrator.progress(`${counted(waiting, 'batch', 'batches')} still in work`)
    return waiting === 0
  })
  const totals = await people.admin.get<{ readings: number; windows: number; scores: number; quarantined: number }>('/v1/batches/totals', { site: plant.site })
  narrator.say(`${report.acknowledged.toLocaleString('en')} rows in ${counted(report.batches, 'batch', 'batches')}, each acknowledged once it was safe in MinIO and PostgreSQL.`)
  narrator.say(`So far ${totals.readings.toLocaleString('en')} readings, ${totals.windows.toLocaleString('en')} windows, ${totals.scores.toLocaleString('en')} scores; ${counted(totals.quarantined, 'row')} quarantined.`)
  narrator.look(`${platform.url}  (fleet), ${platform.connections.temporal.uiUrl ?? ''}  (workflows)`)
  return { acknowledged: report.acknowledged }
}
