/** `npm run demo`: a fresh platform, a simulated plant, and the whole way from a reading to a rolled back model. */
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { loadConfig } from '../config.ts'
import { runDemo } from '../demo/demo.ts'
import { lockDataFolder } from '../dev/data-folder.ts'
import { createNarrator } from '../demo/narrator.ts'
import { startPlatform } from '../platform.ts'
import { stopOnSignal } from '../stop-on-signal.ts'

const whole = (text: string) => {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}

const options = new Command('demo')
  .description('Runs the main job on a simulated plant and explains each step. The platform then stays up to look around.')
  .option('--exit', 'end by itself: exit code 0 only if every step held')
  .option('--report <file>', 'write the summary as JSON')
  .option('--seed <n>', 'another plant', whole, 1)
  .option('--days <n>', 'span of plant time', whole, 21)
  .parse()
  .opts<{ exit?: boolean; report?: string; seed: number; days: number }>()

async function main(): Promise<void> {
  const base = loadConfig()
  // A folder of its own, fresh each time: the demo never touches the data of a platform that is in use.
  const config = { ...base, dataDir: path.join(base.dataDir, 'demo') }
  const narrator = createNarrator(process.stdout)
  const abort = new AbortController()
  narrator.step('The platform: PostgreSQL, Temporal, MinIO, MQTT broker, landing, keeper, worker, trainer, API')
  // Refuses while another demo runs in it.
  const lock = lockDataFolder(config.dataDir)
  await rm(config.dataDir, { recursive: true, force: true })
  lock.release()
  const starting = startPlatform({ config, log: (line) => narrator.progress(line), signal: abort.signal })
  stopOnSignal(async () => {
    abort.abort()
    await starting.then((running) => running.stop(), () => undefined)
  })
  const platform = await starting
  narrator.say(`Up at ${platform.url}; data in ${config.dataDir}.`)
  try {
    const report = await runDemo({ platform, narrator, dataDir: config.dataDir, seed: options.seed, days: options.days })
    if (options.report !== undefined) await writeFile(options.report, `${JSON.stringify(report, null, 2)}\n`)
  } catch (error) {
    await platform.stop()
    throw error
  }
  if (options.exit) {
    await platform.stop()
    return
  }
  narrator.say('')
  narrator.say('Look around; everything stays up until you press Ctrl-C.')
  narrator.look(`Console ${platform.url}   sign in with the key in ${platform.adminKeyFile}`)
  if (platform.connections.temporal.uiUrl) narrator.look(`Workflows ${platform.connections.temporal.uiUrl}`)
}

try {
  await main()
  if (options.exit) process.exit(0)
} catch (error) {
  process.stderr.write(`\nThe demo stopped: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}
