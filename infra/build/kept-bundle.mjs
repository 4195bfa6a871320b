import path from 'node:path'
import { root } from '../setup/paths.mjs'
import { keptFolder } from './kept-folder.mjs'
import { digestOf, readSources } from './sources.mjs'

const TRIES = 10

/**
 * What `make` builds of the sources, kept in `.cache/<name>` under their digest: what runs is always what the sources
 * say, and building it again costs the reading of them.
 * @param make fills the folder `partial`, which then becomes `folder`, and may say which files went into it
 * @returns the folder
 * @throws Error what `make` threw, or one that names a file that went into it and is none of the sources
 */
export async function keptBundle({ name, folders, files = [], top = root }, make) {
  const look = () => {
    const sources = readSources(top, folders, files)
    // Bundles name their sources by absolute paths.
    return { sources, digest: digestOf(sources, top) }
  }
  for (let tries = 1; ; tries += 1) {
    const { sources, digest } = look()
    const unchanged = () => look().digest === digest
    try {
      return await keptFolder(path.join(top, '.cache', name), digest, async (partial, folder) => {
        const inputs = await make({ partial, folder, sources, top }) ?? []
        const stranger = inputs.find((input) => !sources.has(input) && !/(^|\/)node_modules\//.test(input))
        if (stranger !== undefined) throw new Error(`${stranger} went into ${name}, but its changes would go unnoticed: name its folder in infra/build`)
        if (!unchanged()) throw new Error(`the sources of ${name} were changed while they were built`)
      })
    } catch (error) {
      // Somebody is at work on them: what was read may be half of one state and half of another.
      if (tries === TRIES || unchanged()) throw error
    }
  }
}
