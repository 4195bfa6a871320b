import { cpSync } from 'node:fs'
import { bundleEdge } from '../../infra/build/edge-bundle.ts'
import { keptBundle } from '../../infra/build/kept-bundle.mjs'
import { holdFolder } from '../../infra/build/kept-folder.mjs'

/** `run` is `edge run`, as it is deployed; `faults` also counts, and takes times that suit a test. */
const programs = { run: 'infra/bin/edge-gateway.ts', faults: 'test/stack/faults/edge/fault-program.ts' } as const
export type EdgeProgram = keyof typeof programs

/**
 * A gateway as `bundleEdge` makes it, made once of the same sources: several files run the same one. The folder is for
 * reading, and stays as long as this process lives.
 */
export async function edgeProgram(program: EdgeProgram, version = 'test'): Promise<string> {
  const sources = { name: `edge-programs/${program}-${version}`, folders: ['edge', 'registry/domain', 'infra', 'test/stack/faults/edge'], files: ['package.json', 'package-lock.json', 'tsconfig.json', 'LICENSE'] }
  const folder = await keptBundle(sources, async ({ partial }) => (await bundleEdge(partial, version, programs[program])).inputs)
  holdFolder(folder)
  return folder
}

/** Such a one in a folder of the caller's own, as an installation is. */
export async function installEdge(directory: string, program: EdgeProgram, version: string): Promise<void> {
  const kept = await edgeProgram(program, version)
  cpSync(kept, directory, { recursive: true, filter: (file) => !file.startsWith(`${kept}/holders`) })
}
