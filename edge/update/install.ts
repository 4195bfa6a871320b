import { createHash } from 'node:crypto'
import { readFileSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { SignatureCheck } from '../../registry/domain/bundle/open.ts'
import { manifestOf } from '../../registry/domain/signed/envelope.ts'
import { admitUpdate, canFollow, type AdmitOptions, type Machine, type ProgramInForce } from '../../registry/domain/update/admit.ts'
import { programName, unpackedBytes, updateManifestSchema, type UpdateManifest } from '../../registry/domain/update/manifest.ts'
import { openUpdate, type OpenUpdate } from '../../registry/domain/update/open.ts'
import { refuseUpdate } from '../../registry/domain/update/refusal.ts'
import { diskFree } from '../disk-free.ts'
import { flushFolder, isLeftOver, makeFolder, namesIn, writeFlushed } from '../put-durably.ts'
import { SIGNED_FILE, type Programs } from '../launch/programs.ts'
import { inUse, INSTALLED } from '../launch/state.ts'

export interface InstallDeps {
  readonly programs: Programs
  readonly check: SignatureCheck
  readonly machine: Machine
  /** The program of the installation, which is in force until an update is. */
  readonly installed: ProgramInForce
  readonly freeBytes?: (directory: string) => number | null
}

export interface InstalledUpdate {
  readonly name: string
  readonly manifest: UpdateManifest
  /** False: it was in force, or being tried, before. */
  readonly made: boolean
}

/** Of the disk's room, so much is for the buffer. */
const SPARE_BYTES = 32 * 1024 * 1024

/**
 * Checks an update against this machine, puts its files beside those of the others, on disk, and then wishes for it: the
 * launcher tries it. Whatever fails leaves everything as it was. Refuses as `openUpdate` and `admitUpdate` do, and
 * (`no_room`) where the disk has none.
 */
export function installUpdate(bytes: Uint8Array, deps: InstallDeps, { order, ...options }: AdmitOptions & { readonly order?: string } = {}): InstalledUpdate {
  const { programs, check, machine, installed, freeBytes = diskFree } = deps
  const update = openUpdate(bytes, check)
  const { manifest } = update
  if (sha256(update.payload) !== manifest.payload.digest) changed('its files')
  const now = programInForce(programs, installed)
  admitUpdate(manifest, machine, now, options)
  const name = programName(manifest, update.digest)
  const state = programs.state()
  if ((state.inForce === name || state.trial?.name === name) && programs.isSound(name)) return { name, manifest, made: false }
  makeFolder(programs.folder)
  tidy(programs, name)
  if (!programs.isSound(name)) putFiles(programs, name, update, bytes, freeBytes)
  programs.makeWish({ name, wayBack: canFollow(now.buffer, manifest.buffer), ...(order !== undefined && { id: order }) })
  return { name, manifest, made: true }
}

/** What runs now, as its own signed manifest says it; a program that is damaged is taken for the installed one, which will take its place. */
export function programInForce(programs: Programs, installed: ProgramInForce): ProgramInForce {
  const { inForce } = programs.state()
  if (inForce === INSTALLED) return installed
  try {
    const signed = readFileSync(path.join(programs.folderOf(inForce), SIGNED_FILE))
    const { version, issue, buffer } = updateManifestSchema.parse(JSON.parse(Buffer.from(manifestOf(signed)).toString('utf8')))
    return { version, issue: issue.number, buffer }
  } catch {
    return installed
  }
}

/** Removes programs that nothing can lead back to, and what an interrupted installation left. */
function tidy(programs: Programs, wanted: string): void {
  const kept = inUse(programs.state(), programs.wish())
  for (const name of namesIn(programs.folder)) {
    const old = /-[0-9a-f]{8}$/.test(name) && !kept.has(name) && name !== wanted
    if (old || isLeftOver(name)) rmSync(path.join(programs.folder, name), { recursive: true, force: true })
  }
}

function putFiles(programs: Programs, name: string, { manifest, payload }: OpenUpdate, bytes: Uint8Array, freeBytes: (directory: string) => number | null): void {
  const needed = unpackedBytes(manifest) + SPARE_BYTES
  const free = freeBytes(programs.folder)
  if (free !== null && free < needed) {
    refuseUpdate('no_room', `This update needs ${Math.ceil(needed / 1e6)} MB on the disk of ${programs.folder}, and ${Math.floor(free / 1e6)} MB are free. Make room (the buffer's cap and raw store are in the site file), then install it again.`, { needed, free })
  }
  const files = unpack(manifest, payload)
  const beside = `${programs.folderOf(name)}.${process.pid}.new`
  rmSync(beside, { recursive: true, force: true })
  try {
    const folders = new Set<string>([beside])
    makeFolder(beside)
    for (const [file, content] of files) {
      const place = path.join(beside, file)
      makeFolder(path.dirname(place))
      for (let folder = path.dirname(place); folder !== beside; folder = path.dirname(folder)) folders.add(folder)
      writeFlushed(place, content)
    }
    writeFlushed(path.join(beside, SIGNED_FILE), bytes.subarray(0, bytes.length - payload.length))
    for (const folder of folders) flushFolder(folder)
    // One of that name that is damaged: while it is gone the launcher has the former one.
    rmSync(programs.folderOf(name), { recursive: true, force: true })
    renameSync(beside, programs.folderOf(name))
    flushFolder(programs.folder)
  } catch (error) {
    rmSync(beside, { recursive: true, force: true })
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') refuseUpdate('no_room', `The disk of ${programs.folder} became full while the update was written. Make room, then install it again; what ran before runs on.`)
    throw error
  }
}

/** Each file with its content, every one held against its digest; no more is unpacked than the manifest says there is. */
function unpack(manifest: UpdateManifest, payload: Uint8Array): [string, Uint8Array][] {
  const whole = unpackedBytes(manifest)
  let all: Buffer
  try {
    all = gunzipSync(payload, { maxOutputLength: Math.max(1, whole) })
  } catch {
    return changed('its files do not unpack')
  }
  if (all.length !== whole) changed('its files have another length')
  let at = 0
  return manifest.files.map(({ path: file, bytes, digest }): [string, Uint8Array] => {
    const content = all.subarray(at, at + bytes)
    at += bytes
    if (sha256(content) !== digest) changed(file)
    return [file, content]
  })
}

const changed = (what: string): never =>
  refuseUpdate('changed', `This update is not what was signed (${what}): it was changed or damaged on its way. Copy it to the gateway again, or make it again with "twinward edge package".`)

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
