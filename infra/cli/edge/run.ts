import { tellLauncher } from '../../../edge/launch/tell.ts'
import { runSiteFile } from '../../../edge/site/run-site-file.ts'
import { openEdgeLog } from '../../edge-log.ts'
import { stopOnSignal } from '../../stop-on-signal.ts'
import { createSystemdNotifier } from '../../systemd-notify.ts'

/**
 * Runs a gateway until it is told to stop (SIGINT, SIGTERM), which ends the process. SIGHUP reads the site file again.
 * A parent process hears `{type: 'ready', address}` with the address of its health; a launcher also whether it is well. Rejects when it cannot go on.
 */
export async function runEdge(file: string, env: NodeJS.ProcessEnv, version: string): Promise<void> {
  // What it keeps is for nobody else, run by hand too: the buffer's file, its folders, logs.
  process.umask(0o077)
  const runner = await runSiteFile({ file, env, version, openLog: openEdgeLog(env) })
  const systemd = createSystemdNotifier(env, () => runner.pulse())
  const stop = async () => {
    systemd.stopping()
    await runner.stop()
  }
  stopOnSignal(stop, ['SIGINT', 'SIGTERM'])
  // What cannot be mended ends the gateway, which `ended` tells.
  process.on('SIGHUP', () => { runner.reload().catch(() => {}) })
  systemd.ready()
  tellLauncher(runner, { env, send: (word) => { process.send?.(word) }, onAlone: () => { void stop().finally(() => process.exit(1)) } })
  try {
    await runner.ended
  } finally {
    systemd.stop()
  }
  // Whoever told it to stop ends the process; nobody else resolves this.
  await new Promise<never>(() => {})
}
