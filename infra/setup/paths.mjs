import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** The clone's top folder. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/[/\\]$/, '')

export const platformKey = `${process.platform}-${process.arch}`

/** Where downloads and builds are kept between clones: TWINWARD_CACHE, else the XDG cache, else ~/.cache/twinward. */
export function cacheDir(env = process.env) {
  if (env.TWINWARD_CACHE) return path.resolve(env.TWINWARD_CACHE)
  const base = env.XDG_CACHE_HOME && path.isAbsolute(env.XDG_CACHE_HOME)
    ? env.XDG_CACHE_HOME
    : path.join(homedir(), '.cache')
  return path.join(base, 'twinward')
}

/** What the set-up found or made, for the processes that use it. Per clone, since PATH and cache may differ. */
export const manifestFile = path.join(root, '.cache', 'setup.json')

/** The manifest of the last completed set-up, or undefined when there is none that can be read. */
export function readManifest() {
  try {
    return JSON.parse(readFileSync(manifestFile, 'utf8'))
  } catch {
    return undefined
  }
}

/** First executable file called `name` on PATH, or undefined. */
export function findOnPath(name, env = process.env) {
  const endings = process.platform === 'win32' ? ['.exe', '.cmd', ''] : ['']
  for (const dir of (env.PATH ?? '').split(path.delimiter)) {
    if (!dir) continue
    for (const ending of endings) {
      const file = path.join(dir, name + ending)
      if (isExecutable(file)) return file
    }
  }
  return undefined
}

export function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

export function packageDir(name) {
  return path.join(root, 'node_modules', ...name.split('/'))
}

export function hasPackage(name) {
  return existsSync(path.join(packageDir(name), 'package.json'))
}
