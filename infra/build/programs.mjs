import { readdirSync } from 'node:fs'
import path from 'node:path'
import { root } from '../setup/paths.mjs'
import { nodeBundle } from './node-bundle.mjs'

/** Programs that others start, beside those in infra/bin. */
const HELPERS = ['activities/models/fit-process.ts', 'infra/dev/aedes-broker.ts']

/**
 * All our programs.
 * @returns the bundle's folder
 * @throws Error naming file and line of what cannot be bundled
 */
export function bundlePrograms(top = root) {
  return nodeBundle({
    name: 'programs', top, entryPoints: programs(top),
    defined: (folder) => ({ TWINWARD_BUNDLE: JSON.stringify(folder) }),
  })
}

/** A file as the bundle knows it: its path from the clone's top. Undefined when it is none of our programs. */
export function programOf(file, top = root) {
  const source = path.relative(top, path.resolve(top, file)).split(path.sep).join('/')
  return programs(top).includes(source) ? source : undefined
}

function programs(top) {
  try {
    const own = readdirSync(path.join(top, 'infra/bin')).filter((name) => name.endsWith('.ts')).map((name) => `infra/bin/${name}`)
    return [...own, ...HELPERS]
  } catch {
    return []
  }
}
