import { existsSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { bundledFile } from './build/node-bundle.mjs'
import { root } from './setup/paths.mjs'

/** The bundler puts the bundle's folder in its place. */
declare const TWINWARD_BUNDLE: string | undefined

/** The bundle that this process runs from; undefined when it runs from the sources, as tests do. */
export const ownBundle = typeof TWINWARD_BUNDLE === 'undefined' ? undefined : TWINWARD_BUNDLE

/** One of our programs as a child `node` runs it. */
export interface NodeProgram {
  readonly file: string
  readonly execArgv: readonly string[]
}

const tsx = ['--import', pathToFileURL(path.join(root, 'node_modules', 'tsx', 'dist', 'loader.mjs')).href]
/** For a supervised child `node`: it ends when this process does. */
export const endWithParent = ['--import', new URL('./end-with-parent.mjs', import.meta.url).href]

/** @param source its path from the clone's top; what no bundle holds, a test's own program for one, is run by tsx */
export function nodeProgram(source: string, bundle = ownBundle): NodeProgram {
  const bundled = bundle === undefined ? undefined : bundledFile(bundle, source)
  return bundled !== undefined && existsSync(bundled)
    ? { file: bundled, execArgv: ['--enable-source-maps'] }
    : { file: path.join(root, source), execArgv: tsx }
}

/** Arguments for a supervised child `node`: it ends when this process does. */
export function childArgs(source: string, bundle = ownBundle): string[] {
  const { file, execArgv } = nodeProgram(source, bundle)
  return [...execArgv, ...endWithParent, file]
}

/** Arguments that let a supervised child `node` run a TypeScript file that is no program of ours. */
export function tsxArgs(): string[] {
  return [...tsx, ...endWithParent]
}
