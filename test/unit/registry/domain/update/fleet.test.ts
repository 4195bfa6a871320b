import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { stagesOf, stepFleetUpdate, stopFleetUpdate, type FleetUpdate, type GatewaySeen } from '../../../../../registry/domain/update/fleet.ts'

const SECOND = 1_000_000
const PROGRAM = '1.2.0-0a1b2c3d'
const begun = (stages: readonly (readonly string[])[]): FleetUpdate => ({
  kind: 'program', state: 'running', stage: 0, settleSeconds: 60, withinSeconds: 3600, endedBecause: null,
  targets: stages.flatMap((gateways, stage) => gateways.map((gateway) => ({ gateway, stage, wants: PROGRAM, state: 'waiting' as const, orderedUs: null, wellSinceUs: null, detail: null }))),
})
const old = (atUs: number): GatewaySeen => ({ reportedUs: atUs, runs: { name: 'installed', trial: false }, rolledBack: null, order: { id: 'o', state: 'accepted', detail: null } })
const updated = (atUs: number): GatewaySeen => ({ ...old(atUs), runs: { name: PROGRAM, trial: false }, order: { id: 'o', state: 'done', detail: null } })
const states = ({ targets }: FleetUpdate) => targets.map(({ state }) => state).join(' ')

describe('an update over a fleet', () => {
  it('tells a stage, waits for each of its gateways to be well for a time, then the next', () => {
    let { update, order } = stepFleetUpdate(begun([['a'], ['b', 'c']]), new Map([['a', old(0)], ['b', old(0)], ['c', old(0)]]), 0)
    assert.deepEqual([order, states(update)], [['a'], 'ordered waiting waiting'])
    ;({ update, order } = stepFleetUpdate(update, new Map([['a', { ...updated(SECOND), runs: { name: PROGRAM, trial: true } }]]), SECOND))
    assert.deepEqual([order, states(update)], [[], 'ordered waiting waiting'])
    ;({ update, order } = stepFleetUpdate(update, new Map([['a', updated(20 * SECOND)]]), 20 * SECOND))
    assert.equal(states(update), 'well waiting waiting')
    ;({ update, order } = stepFleetUpdate(update, new Map([['a', updated(80 * SECOND)], ['b', old(80 * SECOND)], ['c', updated(80 * SECOND)]]), 80 * SECOND))
    assert.deepEqual([order, states(update), update.stage], [['b'], 'done ordered well', 1])
    ;({ update } = stepFleetUpdate(update, new Map([['b', updated(90 * SECOND)], ['c', updated(90 * SECOND)]]), 90 * SECOND))
    ;({ update } = stepFleetUpdate(update, new Map([['b', updated(150 * SECOND)], ['c', updated(150 * SECOND)]]), 150 * SECOND))
    assert.deepEqual([update.state, states(update)], ['completed', 'done done done'])
  })

  it('ends by itself when one goes back, refuses, falls silent or takes too long; those not told are not told', () => {
    const told = stepFleetUpdate(begun([['a'], ['b']]), new Map([['a', old(0)]]), 0).update
    const attempts: [GatewaySeen | undefined, number, RegExp][] = [
      [{ ...old(9), rolledBack: { order: 'o', why: 'exit code 1' } }, 10, /a: it went back: exit code 1/],
      [{ ...old(9), order: { id: 'o', state: 'refused', detail: 'no room' } }, 10, /a: it refuses: no room/],
      [old(SECOND), 200 * SECOND, /a: it fell silent/],
      [{ ...old(0), reportedUs: null }, 3601 * SECOND, /nothing was heard/],
      [old(3601 * SECOND), 3601 * SECOND, /does not run it/],
    ]
    for (const [seen, nowUs, because] of attempts) {
      const { update, order } = stepFleetUpdate(told, new Map(seen ? [['a', seen]] : []), nowUs)
      assert.deepEqual([update.state, order, states(update)], ['failed', [], 'failed waiting'])
      assert.match(update.endedBecause ?? '', because)
    }
    const well = stepFleetUpdate(told, new Map([['a', updated(5)]]), 5).update
    assert.match(stepFleetUpdate(well, new Map([['a', old(9)]]), 9).update.endedBecause ?? '', /runs installed again/)
    // What went back for another order is of yesterday.
    assert.equal(stepFleetUpdate(told, new Map([['a', { ...old(9), rolledBack: { order: 'before', why: 'x' } }]]), 10).update.state, 'running')
  })

  it('stopped, nothing moves any more; away, a gateway is waited for', () => {
    const told = stepFleetUpdate(begun([['a'], ['b']]), new Map([['a', old(-900 * SECOND)]]), 0).update
    assert.equal(stepFleetUpdate(told, new Map([['a', old(-900 * SECOND)]]), 1800 * SECOND).update.state, 'running')
    const stopped = stopFleetUpdate(told, 'mia: not today')
    assert.deepEqual(stepFleetUpdate(stopped, new Map([['a', updated(9)]]), 9), { update: stopped, order: [] })
    assert.equal(stopFleetUpdate(stopped, 'again'), stopped)
  })

  it('whatever gateways report, none is told before its stage, twice, or after the end', () => {
    const seen = fc.record({
      who: fc.constantFrom('a', 'b', 'c', 'd'), program: fc.constantFrom(PROGRAM, 'installed', '0.9.0-00000000'), trial: fc.boolean(), age: fc.constantFrom(0, 10, 300),
      order: fc.constantFrom('pending' as const, 'done' as const, 'refused' as const), back: fc.boolean(),
    })
    fc.assert(fc.property(fc.array(fc.tuple(seen, fc.integer({ min: 0, max: 200 })), { maxLength: 60 }), (reports) => {
      let update = begun([['a'], ['b', 'c'], ['d']])
      let nowUs = 0
      const known = new Map<string, GatewaySeen>()
      const told = new Set<string>()
      for (const [{ who, program, trial, age, order, back }, seconds] of reports) {
        nowUs += seconds * SECOND
        known.set(who, { reportedUs: nowUs - age * SECOND, runs: { name: program, trial }, rolledBack: back ? { order: who, why: 'x' } : null, order: told.has(who) ? { id: who, state: order, detail: null } : null })
        const before = update
        const stepped = stepFleetUpdate(update, known, nowUs)
        update = stepped.update
        for (const gateway of stepped.order) {
          assert.ok(!told.has(gateway))
          assert.equal(before.state, 'running')
          const target = update.targets.find((one) => one.gateway === gateway)
          assert.ok(update.targets.every(({ stage, state }) => stage >= (target?.stage ?? 0) || state === 'done'))
          told.add(gateway)
        }
        if (before.state !== 'running') assert.equal(update, before)
        if (update.state === 'completed') assert.ok(update.targets.every(({ state }) => state === 'done'))
      }
    }))
  })

  it('is staged by names and shares', () => {
    const all = ['g1', 'g2', 'g3', 'g4', 'g5', 'g6', 'g7', 'g8', 'g9', 'g10']
    const at = (stages: Parameters<typeof stagesOf>[1]) => {
      const found = stagesOf(all, stages)
      return stages.map((_, stage) => [...found].filter(([, of]) => of === stage).length)
    }
    assert.deepEqual(at([10, 50, 100]), [1, 4, 5])
    assert.deepEqual(at([['g7'], 50, 100]), [1, 4, 5])
    assert.deepEqual(at([['g7', 'g8']]), [2])
    assert.deepEqual(at([1]), [1])
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 5 }), (shares) => {
      const found = stagesOf(all, shares)
      assert.equal(found.size, Math.ceil(Math.max(...shares) / 10))
    }))
  })
})
