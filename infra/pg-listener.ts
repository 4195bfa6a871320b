import type { Logger } from 'pino'
import type { Client, Pool } from '../registry/store/pool.ts'

export interface Listener {
  start(): void
  stop(): Promise<void>
}

export interface ListenerOptions {
  readonly pool: Pool
  /** A name from this program, not from outside. */
  readonly channel: string
  readonly log: Logger
  /** Called for each notification, and once after every (re)connection, since some may have been missed. */
  readonly onNotify: (payload: string) => void
}

const RECONNECT_MS = 1000

/** Keeps one connection of the pool listening, over restarts of the server; callers poll as well, so a miss only delays. */
export function createListener({ pool, channel, log, onNotify }: ListenerOptions): Listener {
  let wanted = false
  let client: Client | null = null
  let connecting: Promise<void> | null = null
  let timer: NodeJS.Timeout | undefined

  function lost(held: Client, error: Error | undefined): void {
    if (client !== held) return
    client = null
    held.release(error ?? true)
    if (!wanted) return
    log.warn({ err: error, channel }, 'lost the connection that listens; connecting again')
    timer = setTimeout(connect, RECONNECT_MS)
  }

  function connect(): void {
    connecting = (async () => {
      const held = await pool.connect()
      client = held
      held.on('error', (error) => { lost(held, error) })
      held.on('end', () => { lost(held, undefined) })
      held.on('notification', ({ payload }) => { onNotify(payload ?? '') })
      await held.query(`listen ${channel}`)
      onNotify('')
    })().catch((error: unknown) => {
      if (client) lost(client, error as Error)
      else if (wanted) timer = setTimeout(connect, RECONNECT_MS)
    })
  }

  return {
    start() {
      wanted = true
      connect()
    },
    async stop() {
      wanted = false
      clearTimeout(timer)
      await connecting
      const held = client
      client = null
      // Destroyed rather than put back: it listens, and the next user of it would not expect that.
      held?.release(true)
    },
  }
}
