import { pino, type DestinationStream, type Logger, type LoggerOptions } from 'pino'

/**
 * The log of one of the platform's processes: JSON lines to stdout, which the supervisor keeps in the part's log file.
 * @param level a level of pino
 */
export function openPartLog(part: string, level: string): Logger {
  const options: LoggerOptions = { level, base: { part } }
  return pino(options, outputTo(1))
}

/**
 * Lines are written as they come: what is left to write at the end would be tried for ever where nobody reads any more,
 * and the process would outlive a platform that was killed.
 * @param fd 1 for stdout, 2 for stderr
 */
export function outputTo(fd: 1 | 2): DestinationStream {
  return pino.destination({ fd, sync: true })
}
