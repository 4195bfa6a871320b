import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { chooseProgram, confirmed, died, firstState, INSTALLED, inUse, MOST_ATTEMPTS, notWell, spared, takeWish, versionOf, type LaunchState } from '../../../../edge/launch/state.ts'

const all = () => true
const wish = (id: string, name: string, wayBack = true) => ({ id, name, wayBack })
const trying = (name = 'b') => takeWish({ ...firstState, inForce: 'a' }, wish('1', name))

describe('which program is started', () => {
  it('what is wished for is tried, and in force once it was well', () => {
    const choice = chooseProgram(trying(), all, 0)
    assert.deepEqual([choice.run, choice.trial, choice.state.trial?.attempts, choice.state.inForce], ['b', true, 1, 'a'])
    const after = confirmed(choice.state, 5)
    assert.deepEqual([after.inForce, after.former, after.trial, after.last?.outcome], ['b', 'a', null, 'confirmed'])
    assert.equal(takeWish(after, wish('1', 'b')), after)
    assert.equal(takeWish(after, wish('2', 'b')), after)
    assert.equal(takeWish(after, wish('3', 'a')).trial?.name, 'a')
  })

  it(`what ends ${MOST_ATTEMPTS} times, or is cut off as often, is rolled back, and not tried again but by another wish`, () => {
    for (const cutOff of [false, true]) {
      let state = trying()
      for (let i = 1; i <= MOST_ATTEMPTS; i++) {
        const choice = chooseProgram(state, all, 0)
        assert.equal(choice.run, 'b')
        state = cutOff ? choice.state : died(choice.state, 'exit code 1', 0)
      }
      const { run, state: after } = chooseProgram(state, all, 0)
      assert.deepEqual([run, after.inForce, after.trial, after.last?.outcome], ['a', 'a', null, 'rolled_back'])
      assert.match(after.last?.why ?? '', cutOff ? /power cuts or kills/ : /3 starts.*exit code 1/)
      assert.equal(takeWish(after, wish('1', 'b')), after)
      assert.equal(takeWish(after, wish('2', 'b')).trial?.attempts, 0)
    }
  })

  it('what is not well in its time is rolled back at once; stopped in order, an attempt says nothing', () => {
    const { state } = chooseProgram(trying(), all, 0)
    assert.deepEqual([notWell(state, 'late', 9).trial, notWell(state, 'late', 9).last?.why], [null, 'late'])
    assert.equal(spared(state).trial?.attempts, 0)
  })

  it('where there is no way back, it is tried for ever', () => {
    let state = takeWish({ ...firstState, inForce: 'a' }, wish('1', 'b', false))
    for (let i = 0; i < 20; i++) {
      const choice = chooseProgram(state, all, 0)
      assert.equal(choice.run, 'b')
      state = i % 2 === 0 ? died(choice.state, 'x', 0) : notWell(choice.state, 'y', 0)
    }
  })

  it('damaged files: what is tried is rolled back, what is in force is stood in for', () => {
    const tried = chooseProgram(trying(), (name) => name !== 'b', 0)
    assert.deepEqual([tried.run, tried.state.last?.outcome], ['a', 'rolled_back'])
    const state = { ...firstState, inForce: 'b', former: 'a' }
    assert.equal(chooseProgram(state, (name) => name !== 'b', 0).run, 'a')
    assert.equal(chooseProgram(state, () => false, 0).run, INSTALLED)
    assert.deepEqual([...inUse(trying(), wish('2', 'c'))].sort(), ['a', 'b', 'c'])
    assert.equal(versionOf('1.2.0-rc.1-0a1b2c3d'), '1.2.0-rc.1')
  })

  it('whatever happens in whatever order, something sound or the installed one runs, and what was never well is never in force', () => {
    const event = fc.oneof(
      fc.record({ kind: fc.constant('wish' as const), name: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ kind: fc.constantFrom('start' as const, 'well' as const, 'died' as const, 'late' as const, 'stopped' as const, 'cut' as const) }),
      fc.record({ kind: fc.constant('damage' as const), name: fc.constantFrom('a', 'b', 'c') }),
    )
    fc.assert(fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      let state: LaunchState = firstState
      let wishes = 0
      let running: { name: string; trial: boolean } | null = null
      const [sound, proven] = [new Set(['a', 'b', 'c']), new Set([INSTALLED])]
      for (const one of events) {
        if (one.kind === 'wish') {
          state = takeWish(state, wish(String(++wishes), one.name))
          sound.add(one.name)
        } else if (one.kind === 'damage') sound.delete(one.name)
        else if (one.kind === 'start') {
          const choice = chooseProgram(state, (name) => sound.has(name), 0)
          state = choice.state
          running = { name: choice.run, trial: choice.trial }
          assert.ok(choice.run === INSTALLED || sound.has(choice.run))
        } else if (running?.trial && state.trial?.name === running.name) {
          if (one.kind === 'well') {
            proven.add(running.name)
            state = confirmed(state, 0)
          }
          if (one.kind === 'died') state = died(state, 'x', 0)
          if (one.kind === 'late') state = notWell(state, 'x', 0)
          if (one.kind === 'stopped') state = spared(state)
          running = null
        }
        assert.ok(proven.has(state.inForce))
        assert.ok(state.former === null || proven.has(state.former))
        assert.ok((state.trial?.attempts ?? 0) <= MOST_ATTEMPTS)
      }
    }))
  })
})
