import type { SiteFileRunner } from '../site/run-site-file.ts'
import { whyNotWell } from '../site/well.ts'
import { launchOf, type GatewayWord } from './words.ts'

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
    if (whyNotWell(runner.site(), performance.now() - beganMs) !== null) return
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
