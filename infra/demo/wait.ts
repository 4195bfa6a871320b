import { setTimeout as sleep } from 'node:timers/promises'

/** Asks until the answer is there; says what it waited for when it gives up. */
export async function waitFor<T>(what: string, ask: () => Promise<T | undefined | null | false>, limitMs = 120_000, everyMs = 300): Promise<T> {
  const end = Date.now() + limitMs
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    if (Date.now() > end) throw new Error(`Waited ${Math.round(limitMs / 1000)} s in vain for ${what}.`)
    await sleep(everyMs)
  }
}
