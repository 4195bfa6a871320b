import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'
import { root } from '../setup/paths.mjs'

export interface EdgeBundle {
  readonly bytes: number
  /** Carried along as they are, because they hold native code. */
  readonly packages: readonly string[]
  /** Sources and packages that went into it, from the clone's top. */
  readonly inputs: readonly string[]
}

/** Packages that a bundle cannot swallow: they look for their `.node` file beside themselves. serialport is optional. */
const NATIVE = ['lmdb', 'serialport']
/** Asked for by a package of OPC UA in a way nobody takes; it is not installed here either. */
const NOT_THERE = ['proper-lockfile']
/** What starts a gateway and exchanges it for another version: of the installation, never of an update. */
export const LAUNCHER_FILE = 'twinward-launch.mjs'
/** Of the bundle, not of this file: our own programs are bundled too, and have theirs filled in wherever it is written out. */
const META = ['import', 'meta'].join('.')

/**
 * Puts a gateway into a folder: `twinward-edge.mjs`, its chunks, the packages with native code, the launcher, the systemd unit.
 * Nothing of this clone is needed to run it; Node is, on a machine of this platform.
 * @param program another program with a gateway in it, from the clone's top: a test's or a bench's own
 */
export async function bundleEdge(directory: string, version: string, program = 'infra/bin/edge-gateway.ts'): Promise<EdgeBundle> {
  const packages = NATIVE.filter((name) => existsSync(path.join(root, 'node_modules', name)))
  const { metafile } = await build({
    absWorkingDir: root, entryPoints: { 'twinward-edge': program }, outdir: directory, chunkNames: 'chunks/[name]-[hash]',
    outExtension: { '.js': '.mjs' }, bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node20', minifySyntax: true, legalComments: 'eof',
    external: [...NATIVE, ...NOT_THERE, '*.node'], metafile: true, logLevel: 'silent',
    define: { TWINWARD_EDGE_VERSION: JSON.stringify(version) },
    // CommonJS packages within ask for Node's own modules by `require`.
    banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(" + META + ".url);"
      + ` const __dirname = ${META}.dirname, __filename = ${META}.filename;` },
  })
  // Alone in its file: whatever becomes of the chunks of an installation, it starts.
  await build({
    absWorkingDir: root, entryPoints: ['infra/bin/edge-launcher.ts'], outfile: path.join(directory, LAUNCHER_FILE), bundle: true, format: 'esm', platform: 'node', target: 'node20', minifySyntax: true, logLevel: 'silent',
  })
  const modules = path.join(directory, 'node_modules')
  rmSync(modules, { recursive: true, force: true })
  for (const name of closureOf(packages)) copyPackage(name, modules)
  cpSync(path.join(root, 'infra/systemd/twinward-edge.service'), path.join(directory, 'twinward-edge.service'))
  cpSync(path.join(root, 'LICENSE'), path.join(directory, 'LICENSE'))
  return { bytes: sizeOf(directory), packages, inputs: Object.keys(metafile.inputs) }
}

/** The packages and all they need, of those that are there: optional ones are for other platforms. */
function closureOf(names: readonly string[]): Set<string> {
  const found = new Set<string>()
  const visit = (name: string) => {
    const manifest = path.join(root, 'node_modules', name, 'package.json')
    if (found.has(name) || !existsSync(manifest)) return
    found.add(name)
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(readFileSync(manifest, 'utf8')) as { dependencies?: object; optionalDependencies?: object }
    for (const needed of [...Object.keys(dependencies), ...Object.keys(optionalDependencies)]) visit(needed)
  }
  for (const name of names) visit(name)
  // For building native code, not for running it.
  found.delete('node-addon-api')
  return found
}

const RUNS = /\.(c|m)?js$|\.json$|\.node$|^licen[cs]e/i
/** C and C++ sources, tests: megabytes that nobody runs. */
const LEFT_OUT = /^(src|deps|dependencies|test|tests|docs|benchmark|dict)$/

function copyPackage(name: string, modules: string): void {
  const from = path.join(root, 'node_modules', name)
  cpSync(from, path.join(modules, name), {
    recursive: true,
    filter: (source) => {
      const inside = path.relative(from, source)
      if (inside === '') return true
      return statSync(source).isDirectory() ? !LEFT_OUT.test(inside) || name !== 'lmdb' : RUNS.test(path.basename(source))
    },
  })
}

function sizeOf(directory: string): number {
  mkdirSync(directory, { recursive: true })
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(path.join(entry.parentPath, entry.name)).size, 0)
}
