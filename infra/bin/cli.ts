import { Command, CommanderError } from 'commander'
import { CliError } from '../cli/api-client.ts'
import { addAccessCommands } from '../cli/commands/access.ts'
import { addGovernanceCommands } from '../cli/commands/governance.ts'
import { addImportCommands } from '../cli/commands/import.ts'
import { addLookCommands } from '../cli/commands/look.ts'
import { addModelCommands } from '../cli/commands/models.ts'
import { addStatusCommand } from '../cli/commands/status.ts'
import { ConfigError } from '../config.ts'
import { DomainError } from '../../registry/domain/errors.ts'

const program = new Command('twinward')
  .description('Operate Twinward from a terminal. Speaks to the API; results on stdout, progress on stderr.')
  .option('--json', 'print one JSON document instead of text')
  .option('--url <url>', 'address of the API (default: TWINWARD_HOST and TWINWARD_PORT)')
  .option('--key-file <file>', 'file with an API key (default: TWINWARD_API_KEY, else the admin key in TWINWARD_DATA_DIR)')
  .option('--site <site>', 'the site to act on (default: the only one your key covers)')
  .showHelpAfterError('(run it with --help to see how)')
  .exitOverride()

addStatusCommand(program)
addImportCommands(program)
addLookCommands(program)
addModelCommands(program)
addGovernanceCommands(program)
addAccessCommands(program)

/** Refusals are one line with a cure; only a bug shows its stack. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode
  const json = process.argv.includes('--json')
  if (error instanceof CliError || error instanceof DomainError || error instanceof ConfigError) {
    const code = error instanceof ConfigError ? 'config' : error.code
    if (json) process.stdout.write(`${JSON.stringify({ error: { code, message: error.message } })}\n`)
    else process.stderr.write(`${error.message}\n`)
    return 1
  }
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  return 70
}

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = report(error)
}
