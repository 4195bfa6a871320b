import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { manifestOf } from '../../registry/domain/signed/envelope.ts'
import { makeFolder, putDurably } from '../put-durably.ts'
import { firstState, type LaunchState, type Wish } from './state.ts'

/** The signed manifest of a program, in its folder beside its files. */
export const SIGNED_FILE = 'update.signed'

/**
 * The programs of a gateway beside the one it was installed with, each in a folder of its own, and which of them counts.
 * The launcher alone writes the state; whoever wants another program leaves a wish.
 */
export interface Programs {
  readonly folder: string
  folderOf(name: string): string
  /** Whether every file of it is as it was signed. */
  isSound(name: string): boolean
  state(): LaunchState
  keepState(state: LaunchState): void
  wish(): Wish | null
  /** Written when the program's files are on disk. */
  makeWish(wish: Omit<Wish, 'id'> & Partial<Pick<Wish, 'id'>>): void
}

/** Where they are: in the folder that systemd keeps for the service, else beside the site file. */
export function programsFolder(env: Readonly<Record<string, string | undefined>>, siteFile: string): string {
  const state = env['STATE_DIRECTORY']?.split(':')[0] ?? path.dirname(path.resolve(siteFile))
  return path.join(state, 'versions', path.basename(siteFile))
}

export function openPrograms(folder: string): Programs {
  const [stateFile, wishFile] = [path.join(folder, 'state.json'), path.join(folder, 'wish.json')]
  const folderOf = (name: string) => path.join(folder, name)
  const put = (file: string, value: object) => {
    makeFolder(folder)
    putDurably(file, Buffer.from(`${JSON.stringify(value)}\n`))
  }
  return {
    folder, folderOf,
    isSound(name) {
      try {
        return filesOf(folderOf(name), name).every(({ path: file, bytes, digest }) => {
          const content = readFileSync(path.join(folderOf(name), file))
          return content.length === bytes && sha256(content) === digest
        })
      } catch {
        return false
      }
    },
    state: () => ({ ...firstState, ...read(stateFile) as Partial<LaunchState> | null }),
    keepState: (state) => { put(stateFile, state) },
    wish: () => read(wishFile) as Wish | null,
    makeWish: (wish) => { put(wishFile, { id: randomBytes(8).toString('hex'), ...wish }) },
  }
}

interface ProgramFile { readonly path: string; readonly bytes: number; readonly digest: string }

/** By the signed manifest, which the folder's name is held against. */
function filesOf(directory: string, name: string): readonly ProgramFile[] {
  const signed = readFileSync(path.join(directory, SIGNED_FILE))
  if (!name.endsWith(`-${sha256(signed).slice(0, 8)}`)) throw new Error(`${name} is another program's name`)
  return (JSON.parse(Buffer.from(manifestOf(signed)).toString('utf8')) as { files: readonly ProgramFile[] }).files
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Null where there is none, or one that is damaged: then it is as if there had been none. */
function read(file: string): unknown {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return typeof value === 'object' ? value : null
  } catch {
    return null
  }
}
