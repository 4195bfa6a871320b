/** A terminal, npm and the set-up may each pass on the same Ctrl-C: what comes within this time is one wish. */
const sameWishMs = 1_500
const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

/**
 * Stops in order at the first SIGINT, SIGTERM or SIGHUP (unless told which), then ends with the code that says so. Asked
 * again, it ends at once; what it leaves behind is stopped by its own means.
 */
export function stopOnSignal(stop: () => Promise<void>, signals: readonly (keyof typeof codes)[] = ['SIGINT', 'SIGTERM', 'SIGHUP']): void {
  let askedAt: number | undefined
  for (const signal of signals) {
    const code = codes[signal]
    process.on(signal, () => {
      if (askedAt !== undefined) {
        if (Date.now() - askedAt > sameWishMs) process.exit(code)
        return
      }
      askedAt = Date.now()
      stop().then(
        // Ctrl-C is how one ends a service that is well: no failure.
        () => process.exit(0),
        (error: unknown) => {
          process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
          process.exit(1)
        },
      )
    })
  }
}
