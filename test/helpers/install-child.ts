import { readFileSync } from 'node:fs'
import path from 'node:path'
import { createBundleStore } from '../../edge/judge/bundle-store.ts'

/** Installs the bundles of a folder one after another, in order, and tells its parent of each that is in force; until it is killed. */
const [directory = '', bundles = '', from = '1'] = process.argv.slice(2)
const store = createBundleStore(directory)
const place = { site: 'hamburg', assets: new Set(['pump-1']), tags: new Set(['pump-1/temp', 'pump-1/flow']) }
process.send?.({ installed: 0 })
for (let issue = Number(from); ; issue++) {
  store.install(readFileSync(path.join(bundles, `${issue}.twb`)), place)
  process.send?.({ installed: issue })
  // Lets the message out, and a signal in.
  await new Promise((resolve) => setImmediate(resolve))
}
