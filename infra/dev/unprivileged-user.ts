import { execFileSync, spawnSync } from 'node:child_process'
import { chownSync, lstatSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { findSetpriv } from '../setup/setpriv.mjs'

export interface UnprivilegedUser {
  uid: number
  gid: number
}

/**
 * The user that PostgreSQL runs as when we are root, which it refuses: `postgres`, made if there is none.
 * Undefined when we are not root, and no other user is needed.
 */
export function postgresUser(): UnprivilegedUser | undefined {
  if (process.getuid?.() !== 0) return undefined
  return lookUp() ?? create()
}

function lookUp(): UnprivilegedUser | undefined {
  const id = (flag: string) => spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' })
  const [uid, gid] = [id('-u'), id('-g')]
  return uid.status === 0 && gid.status === 0 ? { uid: Number(uid.stdout), gid: Number(gid.stdout) } : undefined
}

function create(): UnprivilegedUser {
  try {
    execFileSync('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', 'postgres'], { stdio: 'pipe' })
  } catch (error) {
    throw new Error('PostgreSQL refuses to run as root, and the user "postgres" could not be made. '
      + 'Make it (useradd --system postgres), run Twinward as an ordinary user, or set DATABASE_URL.', { cause: error })
  }
  const made = lookUp()
  if (!made) throw new Error('The user "postgres" was made but cannot be looked up. Run Twinward as an ordinary user, or set DATABASE_URL.')
  return made
}

/** Makes a folder that belongs to that user alone, with all that is in it. */
export function ownFolder(dir: string, user: UnprivilegedUser | undefined): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  if (!user || statSync(dir).uid === user.uid) return
  const give = (file: string) => {
    chownSync(file, user.uid, user.gid)
    if (!lstatSync(file).isDirectory()) return
    for (const name of readdirSync(file)) give(path.join(file, name))
  }
  give(dir)
}

/**
 * Whether the user is kept out of a folder on the way to one of these paths, as with a clone under /root.
 * @throws Error when that is so and this machine has no way to let it pass
 */
export function mustPassFolders(user: UnprivilegedUser | undefined, paths: readonly string[]): boolean {
  if (!user) return false
  const closed = paths.map((file) => closedFolder(file, user)).find((dir) => dir !== undefined)
  if (closed === undefined) return false
  if (!findSetpriv()) {
    throw new Error(`PostgreSQL runs as the user "postgres", which may not enter ${closed}. `
      + `Run: chmod o+x ${closed}, move the clone and TWINWARD_DATA_DIR elsewhere, or run Twinward as an ordinary user.`)
  }
  return true
}

function closedFolder(file: string, { uid, gid }: UnprivilegedUser): string | undefined {
  for (let dir = path.dirname(path.resolve(file)); ; dir = path.dirname(dir)) {
    const { mode, uid: owner, gid: group } = statSync(dir)
    const bit = owner === uid ? 0o100 : group === gid ? 0o010 : 0o001
    if ((mode & bit) === 0) return dir
    if (dir === path.dirname(dir)) return undefined
  }
}
