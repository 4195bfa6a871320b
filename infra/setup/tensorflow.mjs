import {
  copyFileSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { checkDigest, download, megabytes } from './download.mjs'
import { cacheDir, findOnPath, packageDir, platformKey, root } from './paths.mjs'
import { run, SetupError } from './run.mjs'
import { tensorflow as pins } from './versions.mjs'

const tfjsDir = packageDir('@tensorflow/tfjs-node')
const linkedDeps = path.join(tfjsDir, 'deps')
/** The binding speaks Node-API 8, which every supported Node has: one build serves them all. */
const napi = 8
const installedBinding = path.join(tfjsDir, 'lib', `napi-v${napi}`, 'tfjs_binding.node')

/** Cached outside node_modules, because `npm ci` deletes that: `deps/` (library and headers), then the built binding. */
const home = () => path.join(cacheDir(), 'tensorflow', `${pins.tfjsNode}-${platformKey}`)
const cachedDeps = () => path.join(home(), 'deps')
const cachedBinding = () => path.join(home(), `tfjs_binding-napi-v${napi}.node`)
const verifiedStamp = () => path.join(home(), `verified-node-${process.versions.modules}`)

/** Whether TensorFlow is in place and was seen to load under this Node. */
export function tensorflowReady() {
  return existsSync(verifiedStamp()) && existsSync(installedBinding) && isLinked() && existsSync(cachedBinding())
}

/** Gets the native library, builds the binding against it, and loads it once. Each stage is kept, so it can resume. */
export async function provideTensorflow(progress) {
  if (tensorflowReady()) return
  const installed = JSON.parse(readFileSync(path.join(tfjsDir, 'package.json'), 'utf8')).version
  if (installed !== pins.tfjsNode) {
    throw new SetupError(`package.json has @tensorflow/tfjs-node ${installed} and infra/setup/versions.mjs ${pins.tfjsNode}: `
      + 'make them the same.')
  }
  const task = progress.task('TensorFlow')
  try {
    mkdirSync(home(), { recursive: true })
    if (!existsSync(cachedDeps())) await provideLibrary(task)
    link()
    if (!existsSync(cachedBinding())) await buildBinding(task)
    mkdirSync(path.dirname(installedBinding), { recursive: true })
    copyFileSync(cachedBinding(), installedBinding)
    if (!existsSync(verifiedStamp())) await verify(task)
  } catch (error) {
    task.fail('not available')
    throw error
  }
  task.done(readFileSync(path.join(cachedDeps(), 'SOURCE'), 'utf8').trim())
}

async function provideLibrary(task) {
  const work = path.join(cacheDir(), 'tmp', `tensorflow-${process.pid}`)
  mkdirSync(path.join(work, 'deps'), { recursive: true })
  const tried = []
  try {
    for (const attempt of [libraryFromDownload, libraryFromWheel]) {
      try {
        const source = await attempt(work, task)
        writeFileSync(path.join(work, 'deps', 'SOURCE'), `${source}\n`)
        renameSync(path.join(work, 'deps'), cachedDeps())
        return
      } catch (error) {
        if (!(error instanceof SetupError)) throw error
        tried.push([error.message, ...error.tail.slice(-8)].join('\n      '))
      }
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  throw new SetupError('TensorFlow\'s native library is needed and could not be had.\n'
    + tried.map((line) => `    - ${line}\n`).join('')
    + '  Either of these helps:\n'
    + '    - let this machine reach storage.googleapis.com\n'
    + '    - install Python 3 with pip (on Linux x64), so that it can be taken from the tensorflow-cpu wheel')
}

async function libraryFromDownload(work, task) {
  const official = pins.downloads[platformKey]
  if (!official) throw new SetupError(`there is no official library for ${platformKey}`)
  const archive = path.join(work, 'library.tar.gz')
  await download(official.url, archive, official.sha256, task)
  task.update('unpacking')
  await run('tar', ['-xzf', archive, '-C', path.join(work, 'deps')])
  return `library ${official.version}`
}

async function libraryFromWheel(work, task) {
  const wheel = pins.wheel.platforms[platformKey]
  if (!wheel) throw new SetupError(`no wheel is pinned for ${platformKey}`)
  const python = findOnPath('python3') ?? findOnPath('python')
  if (!python) throw new SetupError('Python 3 is not on PATH, so the wheel cannot be taken')
  task.update('downloading the wheel')
  const watch = setInterval(() => {
    // pip draws no bar into a pipe; what has grown on disk is the next best measure.
    const bytes = sizeOf(work)
    if (bytes > 0) task.update(`downloading, ${megabytes(bytes)}`, Math.min(1, bytes / wheel.bytes))
  }, 1_000)
  try {
    await run(python, ['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--disable-pip-version-check',
      '--progress-bar', 'off', ...wheel.tags, '--dest', work, pins.wheel.requirement], { env: { TMPDIR: work } })
  } finally {
    clearInterval(watch)
  }
  const name = readdirSync(work).find((file) => file.endsWith('.whl'))
  if (!name) throw new SetupError('pip downloaded no wheel')
  task.update('checking the digest')
  await checkDigest(path.join(work, name), wheel.sha256)
  task.update('unpacking')
  await run(python, ['-c', unpackWheel, path.join(work, name), path.join(work, 'deps')])
  nameLibraries(path.join(work, 'deps', 'lib'))
  return `library ${pins.wheel.version} from the tensorflow-cpu wheel`
}

/** Only the two libraries and the headers: the rest of the wheel is Python. */
const unpackWheel = `
import os, shutil, sys, zipfile
wheel, target = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if name in ('tensorflow/libtensorflow_cc.so.2', 'tensorflow/libtensorflow_framework.so.2'):
            to = os.path.join(target, 'lib', os.path.basename(name))
        elif name.startswith('tensorflow/include/') and not name.endswith('/'):
            to = os.path.join(target, 'include', *name.split('/')[2:])
        else:
            continue
        os.makedirs(os.path.dirname(to), exist_ok=True)
        with archive.open(name) as source, open(to, 'wb') as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
`

/** The names under which the binding looks for the wheel's libraries. */
function nameLibraries(lib) {
  const names = {
    'libtensorflow.so': 'libtensorflow_cc.so.2',
    'libtensorflow.so.2': 'libtensorflow_cc.so.2',
    'libtensorflow.so.2.9.1': 'libtensorflow_cc.so.2',
    'libtensorflow_framework.so': 'libtensorflow_framework.so.2',
  }
  for (const [name, target] of Object.entries(names)) symlinkSync(target, path.join(lib, name))
}

function isLinked() {
  try {
    return readlinkSync(linkedDeps) === cachedDeps()
  } catch {
    return false
  }
}

function link() {
  if (isLinked()) return
  rmSync(linkedDeps, { recursive: true, force: true })
  symlinkSync(cachedDeps(), linkedDeps, 'junction')
}

async function buildBinding(task) {
  const gyp = path.join(root, 'node_modules', '@mapbox', 'node-pre-gyp', 'bin', 'node-pre-gyp')
  const missing = ['g++', 'make', 'python3'].filter((name) => !findOnPath(name))
  const onLine = (line) => task.update(`building the binding, ${line.trim().slice(0, 50)}`)
  task.update('building the binding')
  let failure
  if (missing.length === 0) {
    try {
      await run(process.execPath, [gyp, 'install', '--build-from-source', ...nodeHeaders()], { cwd: tfjsDir, onLine })
    } catch (error) {
      failure = error
    }
  }
  if (missing.length > 0 || failure) {
    try {
      // Published beside the library; it has no digest to pin, so building from npm's checked source comes first.
      await run(process.execPath, ['scripts/install.js'], {
        cwd: tfjsDir, timeoutMs: 120_000, onLine,
        env: { PATH: `${path.join(root, 'node_modules', '.bin')}${path.delimiter}${process.env.PATH ?? ''}` },
      })
    } catch (error) {
      const reason = failure ?? new SetupError(`not on PATH: ${missing.join(', ')}`)
      throw new SetupError(`TensorFlow's Node binding could not be built (${reason.message}), nor downloaded (${error.message}).\n`
        + '  Install a C++ compiler, make and Python 3 (Debian, Ubuntu: apt-get install g++ make python3), then run it again.',
      reason.tail ?? error.tail)
    }
  }
  if (!existsSync(installedBinding)) throw new SetupError(`the build left no ${installedBinding}`)
  const partial = `${cachedBinding()}.${process.pid}`
  copyFileSync(installedBinding, partial)
  renameSync(partial, cachedBinding())
}

/** Node's headers beside its program save a download, which some networks block. */
function nodeHeaders() {
  const prefix = path.dirname(path.dirname(process.execPath))
  return existsSync(path.join(prefix, 'include', 'node', 'node_api.h')) ? [`--nodedir=${prefix}`] : []
}

/** Loads the library in a process of its own: a broken one would take this one down with it. */
async function verify(task) {
  task.update('loading it once')
  const script = `
    const util = require('node:util')
    util.isNullOrUndefined ??= (value) => value === null || value === undefined
    const tf = require('@tensorflow/tfjs-node')
    if (tf.matMul([[1, 2]], [[3], [4]]).dataSync()[0] !== 11) throw new Error('TensorFlow computes wrongly')`
  try {
    await run(process.execPath, ['-e', script], { cwd: root, timeoutMs: 120_000, env: { TF_CPP_MIN_LOG_LEVEL: '2' } })
  } catch (error) {
    throw new SetupError(`TensorFlow was installed but does not load: ${error.message}\n`
      + `  Delete ${home()} and run it again; if that does not help, this machine's C library may be too old.`, error.tail)
  }
  writeFileSync(verifiedStamp(), `${new Date().toISOString()}\n`)
}

function sizeOf(dir) {
  let bytes = 0
  for (const entry of readdirSync(dir, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue
    try {
      bytes += lstatSync(path.join(entry.parentPath ?? entry.path, entry.name)).size
    } catch {
      // pip moves its temporary files while they are looked at.
    }
  }
  return bytes
}
