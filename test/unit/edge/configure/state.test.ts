import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { chooseOrdered, confirmed, firstState, MOST_ATTEMPTS, rolledBack, spared, takeOrder, type OrderedState } from '../../../../edge/configure/state.ts'
import { watchTrial } from '../../../../edge/configure/trial.ts'

const order = (id: string, digest: string, over = 'base') => ({ id, digest, over, connected: true, worked: ['plc'] })

describe('which ordered site file counts', () => {
  it('is tried, counted at each start, in force when it is well, until somebody edits the file it was ordered over', () => {
    let state = takeOrder(firstState, order('o-1', 'new'))
    let choice = chooseOrdered(state, 'base', true, 1)
    assert.deepEqual([choice.run, choice.trial, choice.state.trial?.attempts], ['new', true, 1])
    // A look is no start.
    assert.equal(chooseOrdered(choice.state, 'base', false, 2).state, choice.state)
    state = confirmed(choice.state, 3)
    assert.deepEqual([state.last?.outcome, chooseOrdered(state, 'base', true, 4).run], ['confirmed', 'new'])
    // A file that is gone is no edit.
    assert.equal(chooseOrdered(state, null, true, 4).run, 'new')
    choice = chooseOrdered(state, 'edited', false, 5)
    assert.deepEqual([choice.run, choice.state.inForce, choice.state.last?.outcome], [null, null, 'gave_way'])
    // Also when the edit is taken back.
    assert.equal(chooseOrdered(choice.state, 'base', false, 6).run, null)
  })

  it('goes back to the ordered one before it, after as many starts as are allowed; an orderly stop is no failed start', () => {
    let state = confirmed(takeOrder(firstState, order('o-1', 'good')), 0)
    state = takeOrder(state, order('o-2', 'bad'))
    for (let i = 0; i < 5; i++) state = spared(chooseOrdered(state, 'base', true, i).state)
    for (let i = 0; i < MOST_ATTEMPTS; i++) {
      const choice = chooseOrdered(state, 'base', true, i)
      assert.deepEqual([choice.run, choice.trial], ['bad', true])
      state = choice.state
    }
    const back = chooseOrdered(state, 'base', true, 9)
    assert.deepEqual([back.run, back.trial, back.state.last?.id, back.state.last?.outcome], ['good', false, 'o-2', 'rolled_back'])
    assert.match(back.state.last?.why ?? '', /3 starts ended/)
    // The same order again is none.
    assert.equal(takeOrder(back.state, order('o-2', 'bad')), back.state)
  })

  it('an edit that ends a trial and what was in force before it is told of the trial: that is the order somebody waits for', () => {
    const state = takeOrder(confirmed(takeOrder(firstState, order('o-1', 'good')), 0), order('o-2', 'better'))
    const choice = chooseOrdered(state, 'edited', true, 1)
    assert.deepEqual([choice.run, choice.state.inForce, choice.state.last?.id, choice.state.last?.outcome], [null, null, 'o-2', 'gave_way'])
  })

  it('whatever comes, in whatever order: never more starts than are allowed, never an ordered one over an edited file, and the end of each is told', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('order' as const), n: fc.nat(3) }), fc.record({ do: fc.constantFrom('start' as const, 'look' as const, 'confirm' as const, 'fail' as const, 'stop' as const), n: fc.constant(0) }),
      fc.record({ do: fc.constant('edit' as const), n: fc.nat(2) }))
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let state: OrderedState = firstState
      let file = 'file-0'
      let newest: string | undefined
      for (const { do: what, n } of steps) {
        if (what === 'order' && state.trial === null) {
          state = takeOrder(state, { ...order(`o-${n}`, `d-${n}`, file) })
          newest = `o-${n}`
        }
        if (what === 'edit') file = `file-${n}`
        if (what === 'confirm' && state.trial?.over === file) state = confirmed(state, 0)
        if (what === 'fail') state = rolledBack(state, 'x', 0)
        if (what === 'stop') state = spared(state)
        if (what === 'start' || what === 'look') {
          const choice = chooseOrdered(state, file, what === 'start', 0)
          state = choice.state
          if (choice.run !== null) assert.equal(choice.trial ? state.trial?.over : state.inForce?.over, file)
          assert.ok((state.trial?.attempts ?? 0) <= MOST_ATTEMPTS)
          // What is on the disk is all there is: a process that begins anew chooses by the same.
          const again = chooseOrdered(JSON.parse(JSON.stringify(state)) as OrderedState, file, false, 0)
          assert.deepEqual([again.run, again.trial], [choice.run, choice.trial])
        }
        // The last order is being tried, or its end is told, and stays told.
        assert.equal(state.trial?.id ?? state.last?.id, newest)
      }
    }))
  })
})

it('a trial is decided by being well for a time, or not within its time', () => {
  let [atMs, why]: [number, string | null] = [0, 'no connection']
  const trial = watchTrial(() => why, { wellWithinMs: 1000, settleMs: 100 }, () => atMs)
  assert.equal(trial.look(), null)
  ;[atMs, why] = [950, null]
  assert.equal(trial.look(), null)
  // Well late is well, if it stays so.
  atMs = 1049
  assert.equal(trial.look(), null)
  atMs = 1050
  assert.deepEqual(trial.look(), { well: true })
  ;[atMs, why] = [1060, 'no connection']
  assert.match(JSON.stringify(trial.look()), /not well within 1 s: no connection/)
})
