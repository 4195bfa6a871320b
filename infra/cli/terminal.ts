/** The world a command line runs in; tests bring their own. */
export interface Terminal {
  readonly env: NodeJS.ProcessEnv
  out(text: string): void
  err(text: string): void
  /** Progress may overwrite its line. */
  readonly live: boolean
}

export const processTerminal = (): Terminal => ({
  env: process.env,
  out: (text) => { process.stdout.write(text) },
  err: (text) => { process.stderr.write(text) },
  live: process.stderr.isTTY,
})
