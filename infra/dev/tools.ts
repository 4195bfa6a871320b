import { readManifest, type ToolLocation } from '../setup/paths.mjs'
import { isExecutable } from '../setup/paths.mjs'

/** The program that the set-up found or made. */
export function locateTool(name: 'temporal' | 'minio'): ToolLocation {
  const tool = readManifest()?.tools[name]
  if (!tool || !isExecutable(tool.path)) {
    throw new Error(`${name} has not been set up. Run: npm run setup`)
  }
  return tool
}

/** What an embedded server needs from its surroundings, and none of our own configuration or secrets. */
export function plainEnv(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const kept: NodeJS.ProcessEnv = {}
  for (const name of ['PATH', 'HOME', 'USER', 'TMPDIR', 'TEMP', 'TMP', 'SYSTEMROOT', 'LD_LIBRARY_PATH']) {
    if (process.env[name] !== undefined) kept[name] = process.env[name]
  }
  return { ...kept, ...extra }
}
