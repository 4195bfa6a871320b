import { readFile } from 'node:fs/promises'
import { statSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { BUFFER_FORMAT } from '../../../edge/buffer/format.ts'
import { createTrustedKeys } from '../../../edge/judge/trusted-keys.ts'
import { openPrograms, programsFolder } from '../../../edge/launch/programs.ts'
import { INSTALLED } from '../../../edge/launch/state.ts'
import { readSiteFile } from '../../../edge/site/site-file.ts'
import { installUpdate } from '../../../edge/update/install.ts'
import { microsToIso } from '../../../registry/domain/contract/time.ts'
import type { Machine, ProgramInForce } from '../../../registry/domain/update/admit.ts'
import { MAX_UPDATE_BYTES } from '../../../registry/domain/update/open.ts'
import { refuseUpdate } from '../../../registry/domain/update/refusal.ts'
import type { Printer } from '../print.ts'
import { readOrRefuse } from './read-or-refuse.ts'

export interface UpdateOptions {
  /** The site file of the gateway it is for. */
  readonly for: string
  /** PEM file of a platform's key, to be trusted from now on. */
  readonly trust?: string
  readonly allowOlder?: boolean
  readonly allowNoWayBack?: boolean
}

/** `edge update`: checks an update and puts it beside what runs; the launcher tries it. Refused, nothing has changed but the trust in a key. */
export async function updateEdge(file: string, options: UpdateOptions, env: NodeJS.ProcessEnv, version: string, print: Printer): Promise<void> {
  const { plan } = await readSiteFile(options.for, { env })
  const keys = createTrustedKeys(path.join(plan.buffer.directory, 'judge', 'keys'))
  const bytes = await readOrRefuse(file, 'update', readUpdateFile)
  const trusted = options.trust === undefined ? null : keys.trust(await readOrRefuse(options.trust, 'key', (name) => readFile(name, 'utf8')))
  const programs = openPrograms(programsFolder(env, options.for))
  const { name, manifest, made } = installUpdate(bytes, { programs, check: keys.check, machine: thisMachine(), installed: installedProgram(version) }, options)
  if (trusted !== null) print.line(`What is signed by key ${trusted} is trusted here.`)
  print.line(made ? `${manifest.version} (issue ${manifest.issue.number}) is on this disk. The launcher tries it within a second, or at the next start; "twinward-edge versions ${options.for}" says what becomes of it.`
    : `${manifest.version} (issue ${manifest.issue.number}) was there already.`)
  print.document({ version: manifest.version, issue: manifest.issue.number, name, made })
}

/** `edge versions`: what is in force, tried, at hand; false when the last update was rolled back. */
export async function showVersions(siteFile: string, env: NodeJS.ProcessEnv, version: string, print: Printer): Promise<boolean> {
  const programs = openPrograms(programsFolder(env, siteFile))
  const state = programs.state()
  const named = (name: string) => (name === INSTALLED ? `as installed (${version})` : name)
  const { last, trial, former } = state
  print.line(`In force: ${named(state.inForce)}.${former === null ? '' : ` Before it: ${named(former)}.`}`)
  if (trial !== null) print.line(`Being tried: ${trial.name}, start ${trial.attempts}.`)
  if (last !== null) print.line(`The last update: ${last.name}, ${last.outcome === 'confirmed' ? 'in force' : 'rolled back'} ${microsToIso(last.atMs * 1000)}${last.why === null ? '' : `: ${last.why}`}.`)
  print.document({ ...state, installed: version })
  return last?.outcome !== 'rolled_back'
}

const thisMachine = (): Machine => ({ platform: process.platform, arch: process.arch, node: process.versions.node })

const installedProgram = (version: string): ProgramInForce => ({ version, issue: null, buffer: BUFFER_FORMAT })

function readUpdateFile(file: string): Uint8Array {
  const { size } = statSync(file)
  if (size > MAX_UPDATE_BYTES) refuseUpdate('too_large', `${file} has ${size} bytes, and an update at most ${MAX_UPDATE_BYTES}. Make it again with "twinward edge package".`, { bytes: size })
  return readFileSync(file)
}
