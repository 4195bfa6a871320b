import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { stepNode, unknownNode, type NodeEffect, type NodeMessage, type NodeState } from '../../../../../edge/connectors/sparkplug/node-state.ts'
import { decodePayload } from '../../../../../edge/connectors/sparkplug/payload.ts'
import { effort } from '../../../../helpers/effort.ts'
import { sparkplugPayload, type SentMetric } from '../../../../helpers/sparkplug.ts'

const rules = { devices: new Set(['d']), reorderMs: 100, rebirthMs: 1_000, devicesMs: 5_000 }
const NAMES = ['a', 'b', 'c']

const message = (type: NodeMessage['type'], device: string | null, seq: number | null, ms: number, metrics: readonly SentMetric[]): NodeMessage =>
  ({ type, device, payload: decodePayload(sparkplugPayload({ ms, metrics, ...(seq !== null && { seq }) })) })

/**
 * Sessions of one node, each with aliases of its own order. The value says which metric it is of. Sessions that follow
 * each other share no sequence numbers: by number alone, nobody could tell a lost birth otherwise.
 */
function sessions(orders: readonly (readonly number[])[]): NodeMessage[] {
  return orders.flatMap((order, session) => {
    const first = session * 60
    const ms = session * 1_000
    const born = (base: number): SentMetric[] => NAMES.map((name, i) => ({ name, alias: base + (order[i] ?? 0), type: 10, double: i }))
    const data = (device: string | null, base: number, n: number) => message('data', device, (first + n) % 256, ms + n, NAMES.map((_, i) => ({ alias: base + (order[i] ?? 0), double: i })))
    return [
      message('birth', null, first, ms, [{ name: 'bdSeq', type: 4, long: BigInt(session) }, ...born(10)]),
      message('birth', 'd', first + 1, ms + 1, born(20)),
      ...[2, 4, 6].flatMap((n) => [data(null, 10, n), data('d', 20, n + 1)]),
    ]
  })
}

function run(inputs: readonly { message: NodeMessage | null; atMs: number }[], from: NodeState = unknownNode(null)): { state: NodeState; effects: NodeEffect[] } {
  let state = from
  const effects: NodeEffect[] = []
  for (const input of inputs) {
    const next = stepNode(state, input, rules)
    state = next.state
    effects.push(...next.effects)
  }
  return { state, effects }
}

test('whatever is lost, doubled or out of order, no value goes to a wrong metric; and after loss a rebirth is asked for', () => {
  const permutation = fc.shuffledSubarray([0, 1, 2], { minLength: 3 })
  let attributed = 0
  let rebirths = 0
  fc.assert(fc.property(
    fc.array(permutation, { minLength: 1, maxLength: 4 }),
    fc.array(fc.record({ fate: fc.constantFrom('kept', 'kept', 'kept', 'lost', 'doubled'), late: fc.integer({ min: 0, max: 12 }), pauseMs: fc.constantFrom(0, 1, 30, 150) }), { minLength: 32, maxLength: 32 }),
    (orders, fates) => {
      const arriving = sessions(orders).flatMap((sent, i) => {
        const { fate, late, pauseMs } = fates[i] ?? { fate: 'kept', late: 0, pauseMs: 0 }
        const copies = fate === 'lost' ? 0 : fate === 'doubled' ? 2 : 1
        return Array.from({ length: copies }, (_, copy) => ({ sent, pauseMs, place: i + (late > 9 ? late : 0) * (copy + 1) }))
      }).sort((a, b) => a.place - b.place)
      let atMs = 0
      const inputs = arriving.map(({ sent, pauseMs }) => ({ message: sent, atMs: atMs += pauseMs }))
      const { state, effects } = run([...inputs, { message: null, atMs: atMs + 200 }, { message: null, atMs: atMs + 2_000 }])
      for (const effect of effects) {
        if (effect.kind !== 'values') continue
        for (const { name, metric } of effect.values) {
          if (name === 'bdSeq') continue
          attributed++
          assert.deepEqual(metric.value, { field: 'double', value: NAMES.indexOf(name) })
        }
      }
      const asked = effects.filter(({ kind }) => kind === 'rebirth').length
      rebirths += asked
      if (state.phase === 'waiting' && arriving.length > 0) assert.ok(asked > 0, 'nothing was asked for')
      assert.equal(state.held.length, 0)
    },
  ), { numRuns: effort(2_000) })
  assert.ok(attributed > effort(10_000) && rebirths > effort(100), `${attributed} attributed, ${rebirths} rebirths`)
})

test('one lost message: the node is lost and asked once, however much follows, and comes back by its birth', () => {
  const sent = sessions([[0, 1, 2]])
  const after = sent.filter((_, i) => i !== 3)
  const lost = run([...after.map((one, i) => ({ message: one, atMs: i })), { message: null, atMs: 200 }, { message: null, atMs: 900 }])
  assert.equal(lost.state.phase, 'waiting')
  assert.deepEqual(lost.effects.filter(({ kind }) => kind === 'lost' || kind === 'rebirth' || kind === 'missed').map(({ kind }) => kind), ['missed', 'lost', 'rebirth'])
  const more = run([1, 2, 3].map((n) => ({ message: message('data', null, 100 + n, 500, []), atMs: 300 + 110 * n })), lost.state)
  assert.ok(more.effects.every(({ kind }) => kind !== 'rebirth'), 'asked too soon')
  const back = run([{ message: sessions([[0, 1, 2], [2, 1, 0]])[8] ?? null, atMs: 900 }], more.state)
  assert.equal(back.state.phase, 'online')
})

test('what came before the first birth is missed, since when it came', () => {
  const birth = sessions([[0, 1, 2], [0, 1, 2]])[8]
  const early = message('data', null, 200, 500, [{ alias: 10, double: 0 }])
  const { effects } = run([{ message: early, atMs: 10 }, { message: birth ?? null, atMs: 30 }])
  assert.deepEqual(effects.filter(({ kind }) => kind === 'missed'), [{ kind: 'missed', sinceMs: 10, messages: 1 }])
  assert.ok(effects.findIndex(({ kind }) => kind === 'missed') < effects.findIndex(({ kind }) => kind === 'values'), 'before the birth, which ends it')
})

test('a swapped pair is put in order, a doubled message taken once', () => {
  const [birth, deviceBirth, first, second, third] = sessions([[0, 1, 2]])
  const { state, effects } = run([birth, deviceBirth, second, first, first, third].map((one, atMs) => ({ message: one ?? null, atMs })))
  assert.deepEqual(effects.flatMap((effect) => (effect.kind === 'values' ? [effect.timestampMs] : [])), [0, 1, 2, 3, 4])
  assert.deepEqual([state.phase, state.held.length, state.askAtMs], ['online', 0, null])
})

test('a death counts for its own connection only', () => {
  const [birth] = sessions([[0, 1, 2]])
  const death = (bdSeq: number) => message('death', null, null, 0, [{ name: 'bdSeq', type: 4, long: BigInt(bdSeq) }])
  const late = run([{ message: birth ?? null, atMs: 0 }, { message: death(7), atMs: 1 }])
  assert.equal(late.state.phase, 'online')
  const dead = run([{ message: death(0), atMs: 2 }], late.state)
  assert.equal(dead.state.phase, 'offline')
  assert.deepEqual(dead.effects, [{ kind: 'lost', device: null }])
})
