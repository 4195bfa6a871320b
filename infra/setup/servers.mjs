import { chmodSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { execFileSync } from 'node:child_process'
import { download } from './download.mjs'
import { cacheDir, findOnPath, isExecutable, platformKey } from './paths.mjs'
import { run, SetupError } from './run.mjs'
import * as versions from './versions.mjs'

const servers = {
  temporal: {
    title: 'Temporal',
    addressVariable: 'TEMPORAL_ADDRESS',
    pins: versions.temporal,
    install: 'the Temporal CLI (https://docs.temporal.io/cli)',
  },
  minio: {
    title: 'MinIO',
    addressVariable: 'S3_ENDPOINT',
    pins: versions.minio,
    install: 'the MinIO server (https://github.com/minio/minio)',
  },
}

export const serverNames = Object.keys(servers)

/** Whether this server is somebody else's to run, because an address in the environment says so. */
export function isExternal(name, env = process.env) {
  return Boolean(env[servers[name].addressVariable])
}

const cachedFile = (name) =>
  path.join(cacheDir(), 'bin', `${name}-${servers[name].pins.version}${process.platform === 'win32' ? '.exe' : ''}`)

/**
 * Finds or makes a server's program: PATH, the cache, the official download, a build from its source through Go.
 * @returns where it is, its version and where it came from
 */
export async function provideServer(name, progress) {
  const { title, pins } = servers[name]
  const onPath = fromPath(name, progress)
  if (onPath) return onPath
  const target = cachedFile(name)
  const found = (source) => ({ path: target, version: pins.label ?? pins.version, source })
  if (isExecutable(target)) return found('cache')

  const task = progress.task(`${title} ${pins.label ?? pins.version}`)
  mkdirSync(path.dirname(target), { recursive: true })
  const work = path.join(cacheDir(), 'tmp', `${name}-${process.pid}`)
  mkdirSync(work, { recursive: true })
  const tried = ['not on PATH', 'not in the cache']
  try {
    for (const [source, attempt] of [['download', fromDownload], ['build', fromGo]]) {
      try {
        const file = await attempt(name, work, task)
        chmodSync(file, 0o755)
        renameSync(file, target)
        task.done(source === 'build' ? 'built from source' : 'downloaded')
        return found(source)
      } catch (error) {
        if (!(error instanceof SetupError)) throw error
        tried.push([error.message, ...error.tail.slice(-8)].join('\n      '))
      }
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  task.fail('not available')
  throw new SetupError(missing(name, tried))
}

/** The newest acceptable program without any work, for the warm path. */
export function readyServer(known) {
  return known !== undefined && existsSync(known.path)
}

function fromPath(name, progress) {
  const file = findOnPath(name)
  if (!file) return undefined
  let version
  try {
    const text = execFileSync(file, ['--version'], { encoding: 'utf8', timeout: 20_000, stdio: ['ignore', 'pipe', 'pipe'] })
    version = programVersion(text)
  } catch {
    progress.say(`· ${file} does not answer --version and is passed over`)
    return undefined
  }
  const { minimumOnPath } = servers[name].pins
  if (minimumOnPath && compareVersions(version, minimumOnPath) < 0) {
    progress.say(`· ${file} is version ${version}, older than ${minimumOnPath}, and is passed over`)
    return undefined
  }
  return { path: file, version, source: 'path' }
}

async function fromDownload(name, work, task) {
  const official = servers[name].pins.downloads?.[platformKey]
  if (!official) throw new SetupError(`there is no official download for ${platformKey}`)
  const archive = path.join(work, 'archive.tar.gz')
  await download(official.url, archive, official.sha256, task)
  task.update('unpacking')
  await run('tar', ['-xzf', archive, '-C', work])
  return path.join(work, name)
}

async function fromGo(name, work, task) {
  const go = findOnPath('go')
  if (!go) throw new SetupError('Go is not on PATH, so it cannot be built from source')
  let downloaded = 0
  let compiled = 0
  // -v names each package as it is compiled; Go checks every module against its checksum database.
  await run(go, ['install', '-v', servers[name].pins.goPackage], {
    env: { GOBIN: work, GOWORK: 'off' },
    onLine(line) {
      if (line.startsWith('go: ')) downloaded += 1
      else compiled += 1
      task.update(compiled > 0 ? `building, ${compiled} packages compiled` : `fetching, ${downloaded} modules`)
    },
  })
  return path.join(work, process.platform === 'win32' ? `${name}.exe` : name)
}

function missing(name, tried) {
  const { title, addressVariable, install } = servers[name]
  return `${title} is needed and could not be had.\n`
    + tried.map((line) => `    - ${line}\n`).join('')
    + '  Any one of these helps:\n'
    + `    - install ${install} so that \`${name}\` is on PATH\n`
    + '    - install Go 1.24 or newer (https://go.dev/dl), and the set-up builds it\n'
    + `    - run it elsewhere and set ${addressVariable}`
}

/** The version in a program's answer to --version; for Temporal its server's, since a build from source has no other. */
export function programVersion(text) {
  return /Server (\d+\.\d+\.\d+)/.exec(text)?.[1]
    ?? /\d+\.\d+\.\d+|(?:RELEASE|DEVELOPMENT)\.[\w-]+/.exec(text)?.[0]
    ?? 'unknown'
}

/** Compares dotted versions by number; anything that is not one counts as newest. */
export function compareVersions(a, b) {
  const parts = (text) => /^\d+(\.\d+)*/.exec(text)?.[0].split('.').map(Number) ?? [Infinity]
  const [left, right] = [parts(a), parts(b)]
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0 && !Number.isNaN(difference)) return difference
  }
  return 0
}
