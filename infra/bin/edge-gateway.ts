/** `twinward-edge`: a gateway deployed alone, with the commands it needs where it stands. */
import { addEdgeCommands } from '../cli/commands/edge.ts'
import { runProgram } from '../cli/run-program.ts'
import { processTerminal } from '../cli/terminal.ts'

/** Set where it is bundled. */
declare const TWINWARD_EDGE_VERSION: string | undefined

const version = typeof TWINWARD_EDGE_VERSION === 'undefined' ? 'unbundled' : TWINWARD_EDGE_VERSION
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})
const terminal = processTerminal()
process.exitCode = await runProgram('twinward-edge', process.argv.slice(2), terminal, (program, { print, exitCode }) => {
  program
    .description('A Twinward gateway: machines → durable buffer → platform.')
    .option('--url <url>', 'address of the health of a running gateway')
    .addHelpText('after', '\nExit codes: 0 done; 1 refused or not well; 2 a mistake on the command line; 70 a bug.')
    .version(version, '--version', 'say which version this is')
  addEdgeCommands(program, { env: terminal.env, version: () => version, print, exitCode })
})
