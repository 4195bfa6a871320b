import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './setup/paths.mjs'

/** Arguments that let a child `node` run our TypeScript, from whatever folder it is started. */
export function tsxArgs(): string[] {
  return [
    '--import', pathToFileURL(path.join(root, 'node_modules', 'tsx', 'dist', 'loader.mjs')).href,
    '--import', new URL('./end-with-parent.mjs', import.meta.url).href,
  ]
}
