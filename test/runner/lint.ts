import path from 'node:path'
import { root } from '../../infra/setup/paths.mjs'

/** Types and lint of the folder that it is run in, as node's arguments: what typed rules ask for the compiler finds out anyway. */
export const lint = {
  args: [path.join(root, 'node_modules/oxlint/bin/oxlint')],
  // It ends within seconds: collecting garbage would be a third of its work.
  env: { GOGC: '400' },
} as const
