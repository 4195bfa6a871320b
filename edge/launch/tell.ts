import type { SiteFileRunner } from '../site/run-site-file.ts'
import { launchOf, type GatewayWord } from './words.ts'

/** A source that is still starting after so long says nothing of the program: a device may take as long as it likes. */
const SOURCES_WITHIN_MS = 30_000
const LOOK_EVERY_MS = 250
const BEAT_EVERY_MS = 5_000

export interface TellOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly send: (word: GatewayWord) => void
  /** The launcher is gone. */
  readonly onAlone: () => void
}

/** Tells the launcher that the gateway is ready, then that it is well, and all the time that its loop runs and its buffer answers. */
export function tellLauncher(runner: SiteFileRunner, { env, send, onAlone }: TellOptions): void {
  const address = runner.healthUrl()
  send({ type: 'ready', ...(address !== undefined && { address }) })
  if (launchOf(env) === null) return
  process.once('disconnect', onAlone)
  const beganMs = performance.now()
  let over = false
  const look = setInterval(() => {
    if (!isWell(runner, performance.now() - beganMs)) return
    clearInterval(look)
    send({ type: 'well' })
  }, LOOK_EVERY_MS)
  const beat = async () => {
    await runner.pulse()
    if (over) return
    send({ type: 'beat' })
    setTimeout(() => { beat().catch(() => {}) }, BEAT_EVERY_MS)
  }
  beat().catch(() => {})
  runner.ended.catch(() => {}).finally(() => {
    over = true
    clearInterval(look)
  })
}

/** Readings reach the disk, sources have started, and there is a connection or a reason why there is none. */
function isWell(runner: SiteFileRunner, forMs: number): boolean {
  const site = runner.site()
  if (!site) return false
  const { keeping, uplink } = site.figures()
  const started = forMs > SOURCES_WITHIN_MS || site.status().connectors.every(({ state }) => state !== 'starting')
  return keeping && started && (uplink.connected || uplink.lastError !== null)
}
