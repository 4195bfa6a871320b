import { createHash } from 'node:crypto'
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { bundledFile } from '../build/node-bundle.mjs'
import { bundlePrograms, programOf } from '../build/programs.mjs'
import { installPackages, lockDigest, packagesReady, postgresReady, preparePostgres } from './npm-packages.mjs'
import { cacheDir, manifestFile, platformKey, readManifest, root } from './paths.mjs'
import { createProgress } from './progress.mjs'
import { waitForLock } from './process-lock.mjs'
import { SetupError, stopChildrenOnSignal } from './run.mjs'
import { isExternal, provideServer, readyServer, serverNames } from './servers.mjs'
import { provideTensorflow, tensorflowReady } from './tensorflow.mjs'

export async function main(argv) {
  const { quiet, npmOnly, file, args } = parseArguments(argv)
  try {
    const worked = await setUp({ npmOnly })
    if (!worked && !quiet && !file) process.stderr.write('Everything needed is in place.\n')
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    if (error.tail.length > 0) process.stderr.write(`${error.tail.map((line) => `    | ${line}`).join('\n')}\n`)
    process.stderr.write(`\nSet-up failed: ${error.message}\n`)
    process.exit(1)
  }
  const program = file && programOf(file)
  if (program) await becomeProgram(program, args)
  else if (file) handOver(file, args)
}

/** Everything after `--run FILE` belongs to that file. */
export function parseArguments(argv) {
  const at = argv.indexOf('--run')
  const own = at < 0 ? argv : argv.slice(0, at)
  for (const option of own) {
    if (!['--quiet', '--npm-only'].includes(option)) {
      process.stderr.write(`unknown option ${option}; known: --quiet, --npm-only, --run FILE args…\n`)
      process.exit(2)
    }
  }
  if (at >= 0 && !argv[at + 1]) {
    process.stderr.write('--run needs a file\n')
    process.exit(2)
  }
  return {
    quiet: own.includes('--quiet'),
    npmOnly: own.includes('--npm-only'),
    file: at < 0 ? undefined : argv[at + 1],
    args: at < 0 ? [] : argv.slice(at + 2),
  }
}

/** @returns whether there was anything to do */
async function setUp({ npmOnly }) {
  if (npmOnly ? packagesReady() : allReady()) return false
  stopChildrenOnSignal()
  const progress = createProgress()
  const onWait = (pid) => progress.say(`Waiting for another set-up (pid ${pid ?? 'unknown'}) …`)

  const cloneLock = await waitForLock(path.join(root, '.cache', 'setup.lock'), onWait)
  try {
    await installPackages(progress)
    if (npmOnly) return true
    if (!process.env.DATABASE_URL) preparePostgres(progress)
    const cacheLock = await waitForLock(path.join(cacheDir(), 'setup.lock'), onWait)
    try {
      // What a killed set-up left half done.
      rmSync(path.join(cacheDir(), 'tmp'), { recursive: true, force: true })
      // Two lanes: TensorFlow mostly waits for the network at first, the Go builds keep the cores busy throughout.
      const tools = {}
      const lanes = await Promise.allSettled([
        provideTensorflow(progress),
        (async () => {
          for (const name of serverNames) {
            if (!isExternal(name)) tools[name] = await provideServer(name, progress)
          }
        })(),
      ])
      const failed = lanes.filter((lane) => lane.status === 'rejected').map((lane) => lane.reason)
      if (failed.length > 0) throw failed.length === 1 ? failed[0] : combine(failed)
      saveManifest({ fingerprint: fingerprint(), tools: { ...readManifest()?.tools, ...tools } })
    } finally {
      cacheLock.release()
    }
  } finally {
    cloneLock.release()
  }
  return true
}

function allReady() {
  const manifest = readManifest()
  return manifest !== undefined && packagesReady() && manifest.fingerprint === fingerprint()
    && (Boolean(process.env.DATABASE_URL) || postgresReady())
    && tensorflowReady()
    && serverNames.every((name) => isExternal(name) || readyServer(manifest.tools[name]))
}

/** Changes when anything changes that a completed set-up depends on. */
function fingerprint() {
  const pins = readFileSync(new URL('./versions.mjs', import.meta.url))
  return createHash('sha256')
    .update(pins).update(lockDigest()).update(cacheDir()).update(platformKey).update(process.versions.modules)
    .digest('hex')
}

function saveManifest(manifest) {
  mkdirSync(path.dirname(manifestFile), { recursive: true })
  const partial = `${manifestFile}.${process.pid}`
  writeFileSync(partial, `${JSON.stringify(manifest, null, 2)}\n`)
  renameSync(partial, manifestFile)
}

function combine(errors) {
  const other = errors.find((error) => !(error instanceof SetupError))
  return other ?? new SetupError(errors.map((error) => error.message).join('\n\n'), errors.flatMap((error) => error.tail))
}

/** Runs one of our programs, bundled, in this very process. */
async function becomeProgram(source, args) {
  const bundle = await bundlePrograms().catch((error) => {
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  })
  const program = bundledFile(bundle, source)
  process.removeAllListeners('SIGINT')
  process.removeAllListeners('SIGTERM')
  process.argv = [process.execPath, program, ...args]
  process.setSourceMapsEnabled(true)
  await import(pathToFileURL(program).href)
}

/** Runs any other file in a process of its own, with this one as a thin wrapper around it. */
function handOver(file, args) {
  process.removeAllListeners('SIGINT')
  process.removeAllListeners('SIGTERM')
  const tsx = pathToFileURL(path.join(root, 'node_modules', 'tsx', 'dist', 'loader.mjs')).href
  const child = spawn(process.execPath, ['--import', tsx, path.resolve(root, file), ...args], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to both; passing it on would make it look like two.
      if (signal === 'SIGINT' && process.stdin.isTTY) return
      child.kill(signal)
    })
  }
  child.on('error', (error) => {
    process.stderr.write(`could not start ${file}: ${error.message}\n`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => {
    process.exit(code ?? (signal === 'SIGINT' ? 130 : signal === 'SIGTERM' ? 143 : 1))
  })
}
