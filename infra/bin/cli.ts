/** `npm run twinward`: the operator's commands. */
import { runCli } from '../cli/run.ts'
import { processTerminal } from '../cli/terminal.ts'

// Whoever reads may have enough: `twinward ledger | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})
process.exitCode = await runCli(process.argv.slice(2), processTerminal())
