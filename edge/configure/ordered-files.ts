import { createHash } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { isLeftOver, makeFolder, namesIn, putDurably } from '../put-durably.ts'
import { firstState, inUse, type OrderedState } from './state.ts'

/** The site files that were ordered, on the disk of the box: their texts, and which of them counts. */
export interface OrderedFiles {
  state(): OrderedState
  /** On disk when it returns. Throws when the disk takes no writes: then it holds for this process alone. */
  keepState(state: OrderedState): void
  putText(digest: string, text: string): void
  /** Undefined where it is gone, or damaged. */
  textOf(digest: string): string | undefined
}

/** In the folder that systemd keeps for the service; undefined without one: the folder of the site file is a person's. */
export function openOrderedFiles(env: Readonly<Record<string, string | undefined>>, siteFile: string): OrderedFiles | undefined {
  const state = env['STATE_DIRECTORY']?.split(':')[0]
  if (state === undefined) return undefined
  const folder = path.join(state, 'ordered-site-files', path.basename(siteFile))
  const stateFile = path.join(folder, 'state.json')
  const fileOf = (digest: string) => path.join(folder, `${digest}.yaml`)
  let known: OrderedState | undefined
  return {
    state: () => (known ??= { ...firstState, ...read(stateFile) }),
    keepState(next) {
      if (next === known) return
      known = next
      makeFolder(folder)
      putDurably(stateFile, Buffer.from(`${JSON.stringify(next)}\n`))
      const kept = inUse(next)
      for (const name of namesIn(folder)) if (isLeftOver(name) || (name.endsWith('.yaml') && !kept.has(name.slice(0, -5)))) rmSync(path.join(folder, name), { force: true })
    },
    putText(digest, text) {
      makeFolder(folder)
      putDurably(fileOf(digest), Buffer.from(text))
    },
    textOf(digest) {
      try {
        const text = readFileSync(fileOf(digest), 'utf8')
        return createHash('sha256').update(text).digest('hex') === digest ? text : undefined
      } catch {
        return undefined
      }
    },
  }
}

/** Null where there is none, or one that is damaged: then it is as if there had been none. */
function read(file: string): Partial<OrderedState> | null {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return typeof value === 'object' ? value : null
  } catch {
    return null
  }
}
