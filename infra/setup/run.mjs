import { spawn } from 'node:child_process'
import { findSetpriv } from './setpriv.mjs'

const running = new Set()

/** Ends what the set-up started when it is itself interrupted; called once by the entry point. */
export function stopChildrenOnSignal() {
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => {
      for (const child of running) child.kill('SIGTERM')
      process.exit(signal === 'SIGINT' ? 130 : 143)
    })
  }
}

/**
 * Runs a program to its end. `onLine` sees each line of both outputs as it comes.
 * @returns the whole of standard output
 * @throws SetupError with the last lines of output when the exit code is not 0
 */
export function run(command, args, { cwd, env, onLine = () => {}, timeoutMs } = {}) {
  return new Promise((resolve, reject) => {
    // Where it can be had: a set-up that is killed takes its npm or its compiler with it, so that the next finds quiet.
    const setpriv = findSetpriv()
    const [file, list] = setpriv ? [setpriv, ['--pdeathsig=TERM', '--', command, ...args]] : [command, args]
    const child = spawn(file, list, {
      cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs,
    })
    running.add(child)
    const tail = []
    let stdout = ''
    const eachLine = (stream) => {
      let rest = ''
      stream.setEncoding('utf8')
      stream.on('data', (text) => {
        const lines = (rest + text).split(/[\r\n]+/)
        rest = lines.pop() ?? ''
        for (const line of lines) {
          if (!line.trim()) continue
          tail.push(line)
          if (tail.length > 25) tail.shift()
          onLine(line)
        }
      })
      stream.on('end', () => { if (rest.trim()) tail.push(rest) })
    }
    child.stdout.on('data', (text) => { stdout += text })
    eachLine(child.stdout)
    eachLine(child.stderr)
    child.on('error', (error) => {
      running.delete(child)
      reject(new SetupError(`could not run ${command}: ${error.message}`))
    })
    child.on('close', (code, signal) => {
      running.delete(child)
      if (code === 0) resolve(stdout)
      else reject(new SetupError(`${command} ${args.slice(0, 3).join(' ')} ended with ${signal ?? `code ${code}`}`, tail))
    })
  })
}

/** Something the set-up could not do. `tail` holds the last lines of the program that failed. */
export class SetupError extends Error {
  constructor(message, tail = []) {
    super(message)
    this.name = 'SetupError'
    this.tail = tail
  }
}
