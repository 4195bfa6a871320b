import { InvalidArgumentError, Option, type Command } from 'commander'
import type { GlobalOptions } from '../context.ts'
import type { BrowseOptions } from '../edge/browse.ts'
import type { BrowseMqttOptions } from '../edge/browse-mqtt.ts'
import type { EnrolOptions } from '../edge/enrol.ts'
import type { ExportOptions } from '../edge/export.ts'
import type { InstallOptions } from '../edge/install.ts'
import type { UpdateOptions } from '../edge/update.ts'
import { exitCodes } from '../errors.ts'
import type { Printer } from '../print.ts'

/** What the commands of a gateway need: no platform, no configuration but a site file. */
export interface EdgeShell {
  readonly env: NodeJS.ProcessEnv
  readonly version: () => string
  readonly print: (command: Command) => Printer
  readonly exitCode: (code: number) => void
}

const DEFAULT_HEALTH = 'http://127.0.0.1:9464'

/** The commands that a gateway deployed alone has too. Each loads what it needs when it is called. */
export function addEdgeCommands(edge: Command, shell: EdgeShell): void {
  const { env, print, exitCode } = shell

  edge.command('run <site>').description('run a gateway by its site file until it is stopped; reads the file again when it changes')
    .action(async (site: string) => {
      const { runEdge } = await import('../edge/run.ts')
      await runEdge(site, env, shell.version())
    })

  edge.command('check <site>').description('check a site file: every mistake with line and cure; else what a gateway would do with it')
    .action(async (site: string, _options: unknown, command: Command) => {
      const { checkSite } = await import('../edge/check.ts')
      await checkSite(site, env, print(command))
    })

  edge.command('browse <endpoint>').description('walk an OPC UA server (opc.tcp://HOST:PORT), or listen on a broker (mqtt://HOST:PORT), and print the numbers found as a source for the site file')
    .option('--id <id>', 'id of the source (default: opcua-1 or mqtt-1)')
    .option('--root <node>', 'node to begin at (default: the Objects folder)')
    .option('--depth <n>', 'how deep to go', wholeNumber, 12)
    .addOption(new Option('--security <mode>', 'security mode').choices(['None', 'Sign', 'SignAndEncrypt']).default('SignAndEncrypt'))
    .option('--user <name>', 'log in as this user')
    .option('--password-env <variable>', 'environment variable that holds the password')
    .option('--listen <time>', 'MQTT: how long to listen, e.g. 30s or 5min', '15s')
    .option('--topic <filters...>', 'MQTT: where to listen', ['#'])
    .option('--no-rebirth', 'MQTT: do not ask Sparkplug nodes for their births')
    .option('--ca <file>', 'MQTT: PEM file of the authority that signed the broker\'s certificate')
    .option('--trust-on-first-use', 'take the server\'s certificate for the right one')
    .option('--allow-password-without-security', 'send the password even with --security None')
    .option('--certificates <dir>', 'folder of the gateway\'s certificates (default: buffer/connectors/ID)')
    .action(async (endpoint: string, options: BrowseOptions & BrowseMqttOptions, command: Command) => {
      if (/^mqtts?:/.test(endpoint)) {
        const { browseMqtt } = await import('../edge/browse-mqtt.ts')
        await browseMqtt(endpoint, options, env, print(command))
        return
      }
      const { browseServer } = await import('../edge/browse.ts')
      await browseServer(endpoint, options, env, print(command))
    })

  edge.command('enrol <site>').description('make a key on this box and get a certificate for it, by a token of the platform (twinward gateways enrol)')
    .option('--token-file <file>', 'the token; without it, it is read from standard input')
    .action(async (site: string, options: EnrolOptions, command: Command) => {
      const { enrolGateway } = await import('../edge/enrol.ts')
      await enrolGateway(site, options, env, process.stdin, print(command))
    })

  edge.command('status').description(`how a running gateway is; --url names its health (default: ${DEFAULT_HEALTH})`)
    .action(async (_options: unknown, command: Command) => {
      const { showEdgeStatus } = await import('../edge/status.ts')
      const well = await showEdgeStatus(command.optsWithGlobals<GlobalOptions>().url ?? DEFAULT_HEALTH, print(command))
      if (!well) exitCode(exitCodes.refused)
    })

  edge.command('alarms').description(`alarms that a running gateway raised by its own rules; --url names its health (default: ${DEFAULT_HEALTH})`)
    .action(async (_options: unknown, command: Command) => {
      const { showAlarms } = await import('../edge/alarms.ts')
      await showAlarms(command.optsWithGlobals<GlobalOptions>().url ?? DEFAULT_HEALTH, print(command))
    })

  edge.command('acknowledge <alarm>').description('say that an alarm is seen to; on the box itself')
    .option('--by <name>', 'who sees to it (default: the user who asks)').option('--comment <text>', 'what was found')
    .action(async (alarm: string, options: { by?: string; comment?: string }, command: Command) => {
      const { acknowledgeAlarm } = await import('../edge/alarms.ts')
      await acknowledgeAlarm(command.optsWithGlobals<GlobalOptions>().url ?? DEFAULT_HEALTH, alarm, options, print(command))
    })

  edge.command('install <bundle>').description('check a signed release (twinward bundle) against this gateway and put it in force for its machines')
    .requiredOption('--for <site>', 'the site file of this gateway').option('--trust <key>', 'PEM file of the platform\'s key (twinward bundle-key), to be trusted here from now on')
    .action(async (bundle: string, options: InstallOptions, command: Command) => {
      const { installBundle } = await import('../edge/install.ts')
      await installBundle(bundle, options, env, print(command))
    })

  edge.command('trust <key>').description('take bundles that are signed by this platform\'s key (twinward bundle-key), also over the uplink')
    .requiredOption('--for <site>', 'the site file of this gateway')
    .action(async (key: string, options: { for: string }, command: Command) => {
      const { trustKey } = await import('../edge/install.ts')
      await trustKey(key, options.for, env, print(command))
    })

  edge.command('bundles <site>').description('which release is installed for each machine of this gateway')
    .action(async (site: string, _options: unknown, command: Command) => {
      const { showBundles } = await import('../edge/install.ts')
      if (!(await showBundles(site, env, print(command)))) exitCode(exitCodes.refused)
    })

  edge.command('update <file>').description('check an update of the gateway\'s program (twinward edge package) and have the launcher try it; it goes back by itself when that is not well')
    .requiredOption('--for <site>', 'the site file of this gateway').option('--trust <key>', 'PEM file of the platform\'s key (twinward bundle-key), to be trusted here from now on')
    .option('--allow-older', 'take a version before the one in force').option('--allow-no-way-back', 'take one behind which the former version could not read the buffer')
    .action(async (file: string, options: UpdateOptions, command: Command) => {
      const { updateEdge } = await import('../edge/update.ts')
      await updateEdge(file, options, env, shell.version(), print(command))
    })

  edge.command('versions <site>').description('which version of its program this gateway runs, what is being tried, what became of the last update')
    .action(async (site: string, _options: unknown, command: Command) => {
      const { showVersions } = await import('../edge/update.ts')
      if (!(await showVersions(site, env, shell.version(), print(command)))) exitCode(exitCodes.refused)
    })

  edge.command('export <what>').description(`readings (CSV), windows judged here or alarms (JSON lines) of a running gateway, into a file; --url names its health (default: ${DEFAULT_HEALTH})`)
    .requiredOption('--out <file>', 'the file to make').option('--from <instant>', 'source time (RFC 3339)').option('--to <instant>', '… through').option('--tag <tags...>', 'readings: of these tags alone')
    .action(async (what: string, options: ExportOptions, command: Command) => {
      const { EXPORTS, exportFromBox } = await import('../edge/export.ts')
      if (!Object.hasOwn(EXPORTS, what)) throw new InvalidArgumentError('Export readings, windows or alarms.')
      await exportFromBox(command.optsWithGlobals<GlobalOptions>().url ?? DEFAULT_HEALTH, what as keyof typeof EXPORTS, options, print(command))
    })

  edge.command('assets <site>').description('print the site, machines and tags a site file speaks of, as a document for "twinward import assets"')
    .action(async (site: string, _options: unknown, command: Command) => {
      const { assetsOfSite } = await import('../edge/assets.ts')
      const document = await assetsOfSite(site, env)
      const { stringify } = await import('yaml')
      print(command).line(stringify(document).trimEnd())
      print(command).document(document)
    })
}

function wholeNumber(text: string): number {
  if (!/^\d{1,3}$/.test(text) || Number(text) === 0) throw new InvalidArgumentError('It must be a whole number above 0.')
  return Number(text)
}
