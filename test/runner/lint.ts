import path from 'node:path'
import { root } from '../../infra/setup/paths.mjs'

/** Types and lint of the folder that it is run in, as node's arguments: what typed rules ask for the compiler finds out anyway. */
export const lint = {
  args: [path.join(root, 'node_modules/oxlint/bin/oxlint')],
  // It ends within seconds with 2.4 GB: collecting garbage would be a third of its work, and begins where a larger project would need it.
  env: { GOGC: 'off', GOMEMLIMIT: '3GiB' },
} as const
