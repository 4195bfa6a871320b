import { Command, CommanderError, Help, type Option } from 'commander'
import { exitCodes, failureOf } from './errors.ts'
import { createPrinter, type Printer } from './print.ts'
import type { Terminal } from './terminal.ts'

/** What a program's commands get of the run they are part of. */
export interface ProgramRun {
  /** A command that did its work, but found something not well. */
  readonly exitCode: (code: number) => void
  readonly print: (command: Command) => Printer
}

/**
 * Runs one command line (without node and the program's name); gives its exit code. With `--json` every outcome, help
 * and mistakes included, is exactly one JSON document on stdout.
 */
export async function runProgram(name: string, argv: readonly string[], terminal: Terminal, addCommands: (program: Command, run: ProgramRun) => void): Promise<number> {
  const json = argv.slice(0, argv.includes('--') ? argv.indexOf('--') : undefined).includes('--json')
  let exitCode: number = exitCodes.done
  let help = ''
  const program = new Command(name)
    // Before the commands are made: each takes these over.
    .configureOutput({
      writeOut: (text) => { if (json) help += text; else terminal.out(text) },
      writeErr: (text) => { if (!json) terminal.err(text) },
    })
    .configureHelp({ optionDescription: (option) => describe(option) })
    .exitOverride()
    .option('--json', 'print one JSON document, whatever the outcome, instead of text')
    .showHelpAfterError('(run it with --help to see how)')
  addCommands(program, {
    exitCode: (code) => { exitCode = code },
    print: (command) => createPrinter(command.optsWithGlobals<{ json?: boolean }>().json === true, terminal),
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

const plain = new Help()
/** What a command cannot run without is said in its help too, not only by a refusal. */
const describe = (option: Option): string => plain.optionDescription(option) + (option.mandatory ? ' (required)' : '')
