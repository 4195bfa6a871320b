import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { root } from '../setup/paths.mjs'
import { addAccessCommands } from './commands/access.ts'
import { addBundleCommands } from './commands/bundles.ts'
import { addDelegationCommands } from './commands/delegations.ts'
import { addEdgeCommandsOfClone } from './commands/edge-of-clone.ts'
import { addEdgeCommands, type EdgeShell } from './commands/edge.ts'
import { addFamilyGovernanceCommands } from './commands/family-governance.ts'
import { addGateCommands } from './commands/gates.ts'
import { addGatewayCommands } from './commands/gateways.ts'
import { addImportCommands } from './commands/import.ts'
import { addInForceCommand } from './commands/in-force.ts'
import { addIncidentCommands } from './commands/incidents.ts'
import { addLedgerCommands } from './commands/ledger.ts'
import { addLineageCommand } from './commands/lineage.ts'
import { addLookCommands } from './commands/look.ts'
import { addModelCommands } from './commands/models.ts'
import { addPolicyCommands } from './commands/policy.ts'
import { addReplayCommand } from './commands/replay.ts'
import { addRescoreCommands } from './commands/rescore.ts'
import { addRolloutCommands } from './commands/rollouts.ts'
import { addStatusCommand } from './commands/status.ts'
import { openContext, type Open } from './context.ts'
import { runProgram, type ProgramRun } from './run-program.ts'
import type { Terminal } from './terminal.ts'

/** Runs one command line (without node and the program's name); gives its exit code. */
export function runCli(argv: readonly string[], terminal: Terminal): Promise<number> {
  return runProgram('twinward', argv, terminal, (program, run) => { addCommands(program, run, terminal) })
}

function addCommands(program: Command, { exitCode, print }: ProgramRun, terminal: Terminal): void {
  const open: Open = (command) => openContext(command, terminal, exitCode)
  program
    .description('Operate Twinward from a terminal. Speaks to the API; results on stdout, progress on stderr.')
    .option('--url <url>', 'address of the API (default: where the platform on TWINWARD_DATA_DIR answers)')
    .option('--key-file <file>', 'file with an API key (default: TWINWARD_API_KEY, else the admin key in TWINWARD_DATA_DIR)')
    .option('--site <site>', 'the site to act on (default: the only one your key covers)')
    .addHelpText('after', '\nExit codes: 0 done; 1 refused or not well; 2 a mistake on the command line; 70 a bug.'
      + '\nThrough npm, --silent keeps npm\'s own lines out of a pipe: npm run --silent twinward -- --json status')
    .version(version(), '--version', 'say which version this is')
  addStatusCommand(program, open)
  addImportCommands(program, open)
  addLookCommands(program, open)
  addLineageCommand(program, open)
  addGatewayCommands(program, open)
  addModelCommands(program, open)
  addBundleCommands(program, open)
  addReplayCommand(program, open)
  addIncidentCommands(program, open)
  addRescoreCommands(program, open)
  addInForceCommand(program, open)
  addPolicyCommands(program, open)
  addGateCommands(program, open)
  addRolloutCommands(program, open)
  addDelegationCommands(program, open)
  addFamilyGovernanceCommands(program, open)
  addLedgerCommands(program, open)
  addAccessCommands(program, open)
  const edge = program.command('edge').description('run and look after a gateway: machines → durable buffer → platform')
  const shell: EdgeShell = { env: terminal.env, version, print, exitCode }
  addEdgeCommands(edge, shell)
  addEdgeCommandsOfClone(edge, shell, open)
}

function version(): string {
  return (JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string }).version
}
