/**
 * `twinward-launch`: starts a gateway's program by its site file (`run SITE.yaml`), and exchanges it for a later one
 * when an update is there. Small, without packages, and never part of an update: it is what an update falls back on.
 */
import { createLauncher } from '../../edge/launch/launcher.ts'
import { openPrograms, programsFolder } from '../../edge/launch/programs.ts'
import type { GatewayWord } from '../../edge/launch/words.ts'
import { stopOnSignal } from '../stop-on-signal.ts'
import { createSystemdNotifier } from '../systemd-notify.ts'

const args = process.argv.slice(2)
const site = args.at(-1)
if (args[0] !== 'run' || args.length < 2 || site === undefined) {
  process.stderr.write('twinward-launch run SITE.yaml: starts the gateway of that site file, in the version that is in force. All other commands: twinward-edge.mjs.\n')
  process.exit(2)
}

const { env } = process
// Its own loop is all that systemd watches here: a gateway that hangs is the launcher's to end.
const systemd = createSystemdNotifier(env, () => Promise.resolve())
let ready = false

function heard(word: GatewayWord): void {
  if (word.type === 'ready' && !ready) {
    ready = true
    systemd.ready()
  }
  process.send?.(word)
}

const launcher = createLauncher({
  programs: openPrograms(programsFolder(env, site)), installed: import.meta.dirname, args, env, heard, times: JSON.parse(env['TWINWARD_LAUNCH_TIMES'] ?? '{}') as object,
  // As the gateway's own log, on the same stream.
  log: (msg, fields) => { process.stdout.write(`${JSON.stringify({ level: 40, time: Date.now(), part: 'launch', ...fields, msg })}\n`) },
})
const ended = launcher.run()
stopOnSignal(async () => {
  systemd.stopping()
  launcher.stop()
  await ended
}, ['SIGINT', 'SIGTERM'])
process.on('SIGHUP', () => { launcher.signal('SIGHUP') })
process.exitCode = await ended
systemd.stop()
// The channel to a parent keeps a process alive.
if (process.connected) process.disconnect()
