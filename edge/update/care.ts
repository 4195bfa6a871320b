import path from 'node:path'
import type { GatewayCommand, ProgramStatus } from '../../registry/domain/contract/gateway-report.ts'
import { refuse } from '../../registry/domain/errors.ts'
import { MAX_UPDATE_BYTES } from '../../registry/domain/update/open.ts'
import { BUFFER_FORMAT } from '../buffer/format.ts'
import { createTrustedKeys } from '../judge/trusted-keys.ts'
import { openPrograms, programsFolder } from '../launch/programs.ts'
import { versionOf } from '../launch/state.ts'
import type { Launch } from '../launch/words.ts'
import { installUpdate } from './install.ts'

type UpdateOrder = Extract<GatewayCommand, { kind: 'update' }>

/** What a gateway does for its own program: says which one runs, and installs one that the platform orders. */
export interface ProgramCare {
  status(): ProgramStatus
  /** Doing it twice is doing it once. Refuses as `installUpdate` does, and what was rolled back for this very order. */
  carryOut(order: UpdateOrder, fetch: (file: { readonly digest: string; readonly bytes: number }) => Promise<Uint8Array>, bufferFolder: string): Promise<string>
}

export function createProgramCare({ launch, env, siteFile, version }: { readonly launch: Launch; readonly env: Readonly<Record<string, string | undefined>>; readonly siteFile: string; readonly version: string }): ProgramCare {
  const programs = openPrograms(programsFolder(env, siteFile))
  const machine = { platform: process.platform, arch: process.arch, node: process.versions.node }
  return {
    status() {
      // The launcher goes on writing it while this program runs: what was tried may be in force by now.
      const { trial, last } = programs.state()
      return { name: launch.name, trial: trial?.name === launch.name, ...machine, last: last && { id: last.id, name: last.name, outcome: last.outcome, why: last.why } }
    },
    async carryOut({ id, digest, bytes, program }, fetch, bufferFolder) {
      const { trial, last } = programs.state()
      if (last?.id === id) return last.outcome === 'confirmed' ? `${versionOf(program)} is in force` : refuse('conflict', `${versionOf(program)} was rolled back here: ${last.why ?? 'it was not well'}`)
      if (launch.name === program && trial === null) return `${versionOf(program)} was in force before`
      if (trial?.id === id || programs.wish()?.id === id) return `${versionOf(program)} is being tried`
      if (trial !== null) return refuse('unavailable', `${versionOf(trial.name)} is being tried; this one after that`)
      if (bytes > MAX_UPDATE_BYTES) return refuse('too_large', `the update has ${bytes} bytes, and this gateway takes ${MAX_UPDATE_BYTES} at the most`, { bytes })
      const { check } = createTrustedKeys(path.join(bufferFolder, 'judge', 'keys'))
      const file = await fetch({ digest, bytes })
      const { manifest } = installUpdate(file, { programs, check, machine, installed: { version, issue: null, buffer: BUFFER_FORMAT } }, { allowOlder: true, order: id })
      return `${manifest.version} (issue ${manifest.issue.number}) is on the disk; the launcher tries it`
    },
  }
}
