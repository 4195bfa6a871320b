import { pino } from 'pino'
import type { OpenLog } from '../edge/site/site-keeper.ts'
import type { SitePlan } from '../edge/site/plan.ts'
import { logLevels } from './config.ts'
import { openLogFile } from './log-file.ts'
import { outputTo } from './part-log.ts'

/** The log of a gateway: JSON lines to stdout (under systemd the journal's), or to the file its site file names. */
export function openEdgeLog(env: NodeJS.ProcessEnv): (settings: SitePlan['log']) => OpenLog {
  const level = logLevels.find((known) => known === env['LOG_LEVEL']) ?? 'info'
  const options = { level, base: { part: 'edge' } }
  return (settings) => {
    if (!settings) return { log: pino(options, outputTo(1)), close: () => Promise.resolve() }
    const file = openLogFile(settings.file, settings)
    return { log: pino(options, file), close: () => file.close() }
  }
}
