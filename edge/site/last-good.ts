import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'

/**
 * The last site file that had no mistake, kept where systemd gives the service its state: after a power cut the gateway
 * must start, even when somebody was at work on its file. Run by hand, nothing is kept: a person sees the mistake.
 */
export function createLastGood(env: Readonly<Record<string, string | undefined>>, file: string): { keep(text: string): Promise<void>; read(): Promise<string | undefined> } {
  const state = env['STATE_DIRECTORY']?.split(':')[0]
  const place = state === undefined ? undefined : path.join(state, `last-good-${path.basename(file)}`)
  return {
    async keep(text) {
      if (state === undefined || place === undefined) return
      await mkdir(state, { recursive: true, mode: 0o700 })
      await writeFile(`${place}.new`, text, { mode: 0o600, flush: true })
      await rename(`${place}.new`, place)
    },
    async read() {
      return place === undefined ? undefined : readFile(place, 'utf8').catch(() => undefined)
    },
  }
}
