/**
 * Makes this clone runnable, then runs something: `node infra/setup.mjs [--quiet] [--npm-only] [--run FILE args…]`.
 * Plain Node without dependencies, since it is what installs them. What is already there costs a few file look-ups.
 */
import { minimumNode } from './setup/node-version.mjs'

const problem = minimumNode(process.versions.node)
if (problem) {
  process.stderr.write(`${problem}\n`)
  process.exit(1)
}
const { main } = await import('./setup/main.mjs')
await main(process.argv.slice(2))
