import { mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import path from 'node:path'

export interface OwnTemp {
  /** For the environment of whoever is to have it as its temporary folder. */
  readonly env: NodeJS.ProcessEnv
  /** What was left there, by name; removes all of it. */
  close(): string[]
}

/** The TypeScript loader keeps there what it has translated: all files share that. */
const SHARED = `tsx-${process.geteuid?.() ?? userInfo().username}`

/** A temporary folder for one test file, so that it is known what that file leaves behind. */
export function openOwnTemp(folder: string): OwnTemp {
  mkdirSync(folder, { recursive: true })
  const shared = path.join(tmpdir(), SHARED)
  mkdirSync(shared, { recursive: true })
  symlinkSync(shared, path.join(folder, SHARED), 'junction')
  return {
    env: { TMPDIR: folder, TMP: folder, TEMP: folder },
    close() {
      const left = readdirSync(folder).filter((name) => name !== SHARED)
      rmSync(folder, { recursive: true, force: true })
      return left
    },
  }
}
