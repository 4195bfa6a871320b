/**
 * A gateway that counts, for tests that kill it: ships readings that are known from their index, at a pace, through a
 * buffer that outlives it. Tells its parent when all is acknowledged.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { createGateway, openLmdbBuffer, type Source } from '../../../edge/index.ts'
import { beginStream } from '../../../edge/stream.ts'
import { countingSource } from '../../helpers/counting-source.ts'

export interface CountingGateway {
  site: string
  gateway: string
  bufferDirectory: string
  mqtt: { url: string; username?: string; password?: string }
  tags: number
  rounds: number
  roundsPerBlock: number
  startUs: number
  /** Between two blocks, until the parent says that there is no more need for time. */
  pauseMs: number
}

const hurry = new AbortController()

async function run(options: CountingGateway): Promise<void> {
  const { site, gateway, bufferDirectory, mqtt, tags, rounds, roundsPerBlock, startUs, pauseMs } = options
  const counting = countingSource({ tags, rounds, roundsPerBlock, startUs })
  const paced: Source = {
    ...counting,
    run: (outlet, signal) => counting.run({
      ...outlet,
      async deliver(delivery) {
        const taken = await outlet.deliver(delivery)
        await sleep(pauseMs, undefined, { signal: hurry.signal }).catch(() => undefined)
        return taken
      },
    }, signal),
  }
  const buffer = await openLmdbBuffer({ directory: bufferDirectory })
  await beginStream(buffer, { site, gateway, sources: [paced], key: 'counting' })
  process.send?.({ type: 'ready' })
  await createGateway({ site, gateway, buffer, sources: [paced], mqtt, log: pino({ level: 'silent' }), cut: { waitMs: 300 } }).run(new AbortController().signal)
  await buffer.close()
  process.send?.({ type: 'done' })
  process.disconnect()
}

process.once('message', (options: CountingGateway) => {
  process.once('message', () => { hurry.abort() })
  run(options).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exit(1)
  })
})
