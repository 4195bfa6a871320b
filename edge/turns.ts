/** Turns for `n` at a time, first come first served. `take` resolves with the function that gives the turn back. */
export function createTurns(n: number): () => Promise<() => void> {
  let free = n
  const waiting: (() => void)[] = []
  const giveBack = () => {
    const next = waiting.shift()
    if (next) next()
    else free += 1
  }
  return async () => {
    if (free > 0) free -= 1
    else await new Promise<void>((resolve) => { waiting.push(resolve) })
    let given = false
    return () => {
      if (!given) giveBack()
      given = true
    }
  }
}

/** Does works of one key one after the other, in the order asked; keys do not wait for each other. */
export function createQueues(): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const lasts = new Map<string, Promise<unknown>>()
  return async (key, work) => {
    const mine = (lasts.get(key) ?? Promise.resolve()).then(work)
    const last = mine.catch(() => {})
    lasts.set(key, last)
    try {
      return await mine
    } finally {
      if (lasts.get(key) === last) lasts.delete(key)
    }
  }
}
