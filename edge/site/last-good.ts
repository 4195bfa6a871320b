import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'

/** A state of the site file that had no mistake. */
export interface KeptSiteFile {
  /** SHA-256 over its text. */
  readonly digest: string
  /** Counts the states that were in force on this box; null where none are kept. */
  readonly version: number | null
}

/**
 * Site files that had no mistake, kept where systemd gives the service its state: after a power cut the gateway must start, even
 * when somebody was at work on its file; and what was in force before can be put back. Run by hand, nothing is kept: a
 * person sees the mistake.
 */
export interface LastGood {
  /** This one is in force. */
  keep(text: string): Promise<KeptSiteFile>
  read(): Promise<string | undefined>
}

const KEPT = 5
const KEPT_NAME = /^(\d{6})-([0-9a-f]{8})\.yaml$/

export function createLastGood(env: Readonly<Record<string, string | undefined>>, file: string): LastGood {
  const state = env['STATE_DIRECTORY']?.split(':')[0]
  const place = state === undefined ? undefined : path.join(state, `last-good-${path.basename(file)}`)
  return {
    async keep(text) {
      const digest = digestOf(text)
      if (state === undefined || place === undefined) return { digest, version: null }
      await mkdir(state, { recursive: true, mode: 0o700 })
      const version = await keepVersion(path.join(state, 'site-files', path.basename(file)), text, digest)
      await put(place, text)
      return { digest, version }
    },
    async read() {
      return place === undefined ? undefined : readFile(place, 'utf8').catch(() => undefined)
    },
  }
}

export const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Its number among those kept: the newest's where it is the same again, else the next one. */
async function keepVersion(folder: string, text: string, digest: string): Promise<number> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const known = (await readdir(folder)).flatMap((name) => {
    const [, number, begin] = KEPT_NAME.exec(name) ?? []
    return number === undefined ? [] : [{ name, number: Number(number), begin }]
  }).sort((a, b) => a.number - b.number)
  const newest = known.at(-1)
  if (newest !== undefined && newest.begin === digest.slice(0, 8)) return newest.number
  const version = (newest?.number ?? 0) + 1
  await put(path.join(folder, `${String(version).padStart(6, '0')}-${digest.slice(0, 8)}.yaml`), text)
  for (const { name } of known.slice(0, -(KEPT - 1))) await rm(path.join(folder, name), { force: true })
  return version
}

async function put(place: string, text: string): Promise<void> {
  await writeFile(`${place}.new`, text, { mode: 0o600, flush: true })
  await rename(`${place}.new`, place)
}
