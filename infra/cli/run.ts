import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Command, CommanderError, type OutputConfiguration } from 'commander'
import { root } from '../setup/paths.mjs'
import { addAccessCommands } from './commands/access.ts'
import { addGovernanceCommands } from './commands/governance.ts'
import { addImportCommands } from './commands/import.ts'
import { addLookCommands } from './commands/look.ts'
import { addModelCommands } from './commands/models.ts'
import { addStatusCommand } from './commands/status.ts'
import { openContext, type Open } from './context.ts'
import { exitCodes, failureOf } from './errors.ts'
import type { Terminal } from './terminal.ts'

/**
 * Runs one command line (without node and the program's name); gives its exit code. With `--json` every outcome, help
 * and mistakes included, is exactly one JSON document on stdout.
 */
export async function runCli(argv: readonly string[], terminal: Terminal): Promise<number> {
  const json = argv.slice(0, argv.includes('--') ? argv.indexOf('--') : undefined).includes('--json')
  let exitCode: number = exitCodes.done
  let help = ''
  const open: Open = (command) => openContext(command, terminal, (code) => { exitCode = code })
  const program = createProgram(open, {
    writeOut: (text) => { if (json) help += text; else terminal.out(text) },
    writeErr: (text) => { if (!json) terminal.err(text) },
  })
  try {
    await program.parseAsync(argv, { from: 'user' })
    return exitCode
  } catch (error) {
    // Help and version that were asked for.
    if (error instanceof CommanderError && error.exitCode === 0) {
      if (json) terminal.out(`${JSON.stringify(error.code === 'commander.version' ? { version: help.trim() } : { help })}\n`)
      return exitCodes.done
    }
    const failure = failureOf(error)
    if (json) terminal.out(`${JSON.stringify({ error: failure.error })}\n`)
    if (failure.text !== undefined && (!json || failure.exitCode === exitCodes.bug)) terminal.err(`${failure.text}\n`)
    return failure.exitCode
  }
}

function createProgram(open: Open, output: OutputConfiguration): Command {
  const program = new Command('twinward')
    // Before the commands are made: each takes these over.
    .configureOutput(output)
    .exitOverride()
    .description('Operate Twinward from a terminal. Speaks to the API; results on stdout, progress on stderr.')
    .option('--json', 'print one JSON document, whatever the outcome, instead of text')
    .option('--url <url>', 'address of the API (default: where the platform on TWINWARD_DATA_DIR answers)')
    .option('--key-file <file>', 'file with an API key (default: TWINWARD_API_KEY, else the admin key in TWINWARD_DATA_DIR)')
    .option('--site <site>', 'the site to act on (default: the only one your key covers)')
    .showHelpAfterError('(run it with --help to see how)')
    .addHelpText('after', '\nExit codes: 0 done; 1 refused or not well; 2 a mistake on the command line; 70 a bug.'
      + '\nThrough npm, --silent keeps npm\'s own lines out of a pipe: npm run --silent twinward -- --json status')
    .version(version(), '--version', 'say which version this is')
  addStatusCommand(program, open)
  addImportCommands(program, open)
  addLookCommands(program, open)
  addModelCommands(program, open)
  addGovernanceCommands(program, open)
  addAccessCommands(program, open)
  return program
}

function version(): string {
  return (JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string }).version
}
