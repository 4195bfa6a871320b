/** `npm start`: runs the platform until it is told to stop. */
import { loadConfig } from '../config.ts'
import { greeting } from '../greeting.ts'
import { startPlatform } from '../platform.ts'
import { stopOnSignal } from '../stop-on-signal.ts'

const print = (line: string) => { process.stdout.write(`${line}\n`) }

async function main(): Promise<void> {
  const config = loadConfig()
  print(`Twinward starts. Its data is in ${config.dataDir}`)
  const abort = new AbortController()
  const starting = startPlatform({ config, log: (line) => { print(`  ${line}`) }, signal: abort.signal })
  stopOnSignal(async () => {
    print('Stopping …')
    abort.abort()
    const platform = await starting.catch(() => undefined)
    await platform?.stop()
    print('Stopped; nothing is left running.')
  })
  const platform = await starting.catch((error: unknown) => {
    // Interrupted while it started: who interrupted it knows, and the handler above ends the process.
    if (abort.signal.aborted) return new Promise<never>(() => {})
    throw error
  })
  const lines = greeting({
    url: platform.url, adminKeyFile: platform.adminKeyFile, dataDir: config.dataDir, workflowsUrl: platform.connections.temporal.uiUrl,
  })
  for (const line of lines) print(line)
}

try {
  await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}
