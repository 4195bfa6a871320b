import { holdFolder } from '../../infra/build/kept-folder.mjs'
import { bundlePrograms } from '../../infra/build/programs.mjs'
import { childArgs, nodeProgram } from '../../infra/node-child.ts'

let bundle: Promise<string> | undefined

async function bundleOf(): Promise<string> {
  const folder = await (bundle ??= bundlePrograms())
  holdFolder(folder)
  return folder
}

/**
 * Arguments for `node` that run a program of ours as it runs for everybody, bundled: it starts in half the time that a
 * TypeScript loader takes. It ends when this process does.
 * @param source its path from the clone's top
 */
export async function programArgs(source: string): Promise<string[]> {
  return childArgs(source, await bundleOf())
}

/** The same for one that outlives this process, as when somebody starts it at a terminal. */
export async function freeProgramArgs(source: string): Promise<string[]> {
  const { file, execArgv } = nodeProgram(source, await bundleOf())
  return [...execArgv, file]
}
