/** Lets one loop sleep until another has something for it; nothing is queued, so a ring nobody waits for is no event. */
export interface Bell {
  ring(): void
  /** Resolves at the next ring, when the signal aborts, or after `timeoutMs`. Never rejects. */
  wait(signal?: AbortSignal, timeoutMs?: number): Promise<void>
}

export function createBell(): Bell {
  const waiting = new Set<() => void>()
  return {
    ring() {
      for (const wake of [...waiting]) wake()
    },
    wait(signal, timeoutMs) {
      return new Promise((resolve) => {
        if (signal?.aborted) {
          resolve()
          return
        }
        const timer = timeoutMs === undefined ? undefined : setTimeout(wake, Math.max(0, timeoutMs))
        function wake() {
          if (timer) clearTimeout(timer)
          waiting.delete(wake)
          signal?.removeEventListener('abort', wake)
          resolve()
        }
        waiting.add(wake)
        signal?.addEventListener('abort', wake)
      })
    },
  }
}

/** Resolves with the first of several waits and ends the others, so that none is left behind. */
export async function firstOf(signal: AbortSignal, waits: (inner: AbortSignal) => readonly Promise<void>[]): Promise<void> {
  const inner = new AbortController()
  const end = () => { inner.abort() }
  if (signal.aborted) return
  signal.addEventListener('abort', end)
  try {
    await Promise.race(waits(inner.signal))
  } finally {
    end()
    signal.removeEventListener('abort', end)
  }
}

/** What the promise comes to, or undefined when the signal aborts first. Leaves no listener: a signal lives as long as its gateway. */
export async function untilAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T | undefined> {
  let stop = () => {}
  const aborted = new Promise<undefined>((resolve) => { stop = () => { resolve(undefined) } })
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
