/**
 * A gateway as a process: plays the demo plant or imports CSV files, then ends; SIGTERM stops it at any moment and the
 * next start goes on from there. Its broker comes by environment (MQTT_URL, MQTT_USERNAME, MQTT_PASSWORD). A parent
 * hears of it by messages: `{type: 'ready'}`, `{type: 'progress', …}`, and `{type: 'report', …}` at its end.
 */
import path from 'node:path'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { pino, type Logger } from 'pino'
import { planImport, runDemoPlant, runImport, type MqttAddress } from '../../edge/index.ts'
import { isoToMicros } from '../../registry/domain/contract/time.ts'
import { DomainError } from '../../registry/domain/errors.ts'
import { ConfigError, loadConfig } from '../config.ts'
import { outputTo } from '../part-log.ts'
import { stopOnSignal } from '../stop-on-signal.ts'

interface Options {
  source: 'demo' | 'csv'
  buffer?: string
  gateway?: string
  site?: string
  seed?: number
  days?: number
  end?: number
  map?: string
  asset?: string
  skipBadRows?: boolean
}

/** More often than a person reads, seldom enough not to cost. */
const PROGRESS_EVERY_MS = 250

async function main(): Promise<void> {
  const program = new Command('edge')
    .description('Runs a gateway: source → durable buffer → MQTT, until everything is acknowledged.')
    .requiredOption('--source <source>', 'demo or csv', (text) => {
      if (text !== 'demo' && text !== 'csv') throw new InvalidArgumentError('It must be demo or csv.')
      return text
    })
    .option('--buffer <dir>', 'folder of the buffer (default: in TWINWARD_DATA_DIR)')
    .option('--gateway <id>', 'name of this gateway')
    .option('--site <id>', 'site it ships for')
    .option('--seed <n>', 'demo: another plant', wholeNumber)
    .option('--days <n>', 'demo: span of plant time', wholeNumber)
    .option('--end <instant>', 'demo: end of plant time, RFC 3339 (default: now, on the minute)', isoToMicros)
    .option('--map <file>', 'csv: the map of the files')
    .option('--asset <id>', 'csv: import as this asset')
    .option('--skip-bad-rows', 'csv: leave bad rows out')
    .argument('[files...]', 'csv: the files')
    .exitOverride()
    .parse()
  const options = program.opts<Options>()
  const config = loadConfig()
  if (!config.mqtt) throw new ConfigError(['MQTT_URL is not set. A gateway ships over MQTT: set it to the broker, such as mqtt://127.0.0.1:1883.'])
  // On stderr: stdout belongs to the report.
  const log = pino({ level: config.logLevel, base: { part: 'edge' } }, outputTo(2))
  const abort = new AbortController()
  const run = options.source === 'demo'
    ? demo(options, config.mqtt, options.buffer ?? path.join(config.dataDir, 'edge', 'demo-plant'), log, abort.signal)
    : csv(options, program.args, config.mqtt, options.buffer ?? path.join(config.dataDir, 'import'), log, abort.signal)
  // Stopping is waiting for the run to end: what is on its way to the buffer gets there.
  stopOnSignal(async () => {
    abort.abort()
    await run.catch(() => {})
  })
  process.send?.({ type: 'ready' })
  const report = await run
  process.stdout.write(`${JSON.stringify(report)}\n`)
  process.send?.({ type: 'report', report })
}

async function demo(options: Options, mqtt: MqttAddress, bufferDirectory: string, log: Logger, signal: AbortSignal) {
  return runDemoPlant({
    config: {
      endUs: options.end ?? Math.floor(Date.now() / 60_000) * 60_000_000,
      ...(options.seed !== undefined && { seed: options.seed }), ...(options.days !== undefined && { days: options.days }),
      ...(options.site !== undefined && { site: options.site }), ...(options.gateway !== undefined && { gateway: options.gateway }),
    },
    bufferDirectory, mqtt, log, signal, onProgress: sparingly(tellParent),
  })
}

async function csv(options: Options, files: readonly string[], mqtt: MqttAddress, bufferRoot: string, log: Logger, signal: AbortSignal) {
  if (options.map === undefined) throw new ConfigError(['--map is missing. Name the map of the CSV files.'])
  const plan = await planImport({
    map: options.map, files, signal, onProgress: sparingly(tellParent),
    ...(options.site !== undefined && { site: options.site }), ...(options.asset !== undefined && { asset: options.asset }),
  })
  return runImport({
    plan, bufferRoot, mqtt, log, signal, skipBadRows: options.skipBadRows === true, onProgress: sparingly(tellParent),
    ...(options.gateway !== undefined && { gateway: options.gateway }),
  })
}

function tellParent(progress: object): void {
  process.send?.({ type: 'progress', ...progress })
}

function sparingly<T>(tell: (value: T) => void): (value: T) => void {
  let last = -Infinity
  return (value) => {
    const now = performance.now()
    if (now - last < PROGRESS_EVERY_MS) return
    last = now
    tell(value)
  }
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}

try {
  await main()
  // The channel to a parent keeps a process alive.
  if (process.connected) process.disconnect()
} catch (error) {
  if (error instanceof CommanderError) {
    process.exit(error.exitCode)
  }
  const known = error instanceof ConfigError || error instanceof DomainError
  process.stderr.write(`${known ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exit(1)
}
