import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { generate } from 'mqtt-packet'
import { packLengths } from '../../../edge/packet-lengths.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes of buffers that stay: the least of some looks, since what is collected is given back a little later. */
async function held(): Promise<number> {
  let least = Infinity
  for (let look = 0; look < 10; look++) {
    await sleep(10)
    collect()
    least = Math.min(least, process.memoryUsage().arrayBuffers)
  }
  return least
}

test('what mqtt-packet keeps of every length it has written stays small', async () => {
  await packLengths(new AbortController().signal)
  const before = await held()
  for (let bytes = 0; bytes < 6_000; bytes++) {
    generate({ cmd: 'publish', topic: 't', payload: Buffer.allocUnsafe(bytes), qos: 0, dup: false, retain: false })
    // Other work takes from the same pool.
    Buffer.allocUnsafe(3_000)
  }
  const more = await held() - before
  assert.ok(more < 4_000_000, `${more} bytes more`)
})

test('it ends when its gateway does', async () => {
  await packLengths(AbortSignal.abort())
})
