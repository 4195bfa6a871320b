import type { Client, Pool } from '../../registry/store/pool.ts'

/** A pool in whose transactions something else happens once, right after a statement that `after` matches was answered. */
export function interruptedPool(pool: Pool, after: RegExp, happens: () => Promise<void>): Pool {
  let waiting = true
  const wrap = (client: Client): Client => new Proxy(client, {
    get(target, property) {
      const value = Reflect.get(target, property, target) as unknown
      if (typeof value !== 'function') return value
      const bound = (value as (...args: unknown[]) => unknown).bind(target)
      if (property !== 'query') return bound
      return (...args: unknown[]) => {
        const [text] = args
        // Streams (COPY) are given back at once; they are no statement to wait for.
        if (!waiting || typeof text !== 'string' || !after.test(text)) return bound(...args)
        waiting = false
        return (bound(...args) as Promise<unknown>).then(async (answer) => {
          await happens()
          return answer
        })
      }
    },
  })
  return new Proxy(pool, {
    get: (target, property) => (property === 'connect' ? async () => wrap(await target.connect()) : Reflect.get(target, property) as unknown),
  })
}
