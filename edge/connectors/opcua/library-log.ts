import { setErrorLogger, setWarningLogger } from 'node-opcua-debug'
import type { Logger } from 'pino'

type Print = (...parts: unknown[]) => void

/** The stack writes its warnings to the console, once for the whole process and from its loading on: not ours. */
const quiet: Print = () => {}
setWarningLogger(quiet)
setErrorLogger(quiet)

/** Sends what the stack has to say into a log, at debug: what matters comes as an error from the call that failed. */
export function logLibrary(log: Logger): void {
  const print: Print = (...parts) => {
    log.debug({ library: 'node-opcua' }, parts.map(String).join(' ').trim())
  }
  setWarningLogger(print)
  setErrorLogger(print)
}
