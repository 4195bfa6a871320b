import path from 'node:path'
import { holdFolder } from '../../infra/build/kept-folder.mjs'
import { bundledFile, nodeBundle } from '../../infra/build/node-bundle.mjs'
import { root } from '../../infra/setup/paths.mjs'

/** How `node` comes by the tests, and by what reports them. */
export interface TestSources {
  readonly execArgv: readonly string[]
  /** What it runs for a source, named from the clone's top. */
  readonly at: (source: string) => string
}

/** One file by itself, or one that is no test of ours. */
export const fromSources: TestSources = { execArgv: ['--import', 'tsx'], at: (source) => path.resolve(root, source) }

/** What the runner has `node` run beside the tests. */
export const runnerSources = { importAll: 'test/runner/import-all.ts', reporter: 'test/runner/reporter.ts' } as const

/** All of them bundled: a test file loads hundreds of modules, and would spend more time on translating them than on most tests. */
export async function bundleTests(files: readonly string[]): Promise<TestSources> {
  const folder = await nodeBundle({ name: 'tests', beside: ['test'], entryPoints: [...Object.values(runnerSources), ...files] })
  holdFolder(folder)
  return { execArgv: ['--enable-source-maps'], at: (source) => bundledFile(folder, source) }
}
