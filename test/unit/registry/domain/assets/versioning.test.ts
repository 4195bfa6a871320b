import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { applyChanges, planVersion, type Version } from '../../../../../registry/domain/assets/versioning.ts'
import { DomainError } from '../../../../../registry/domain/errors.ts'

const version = (fromUs: number, toUs: number | null, unit: string, name = 'n'): Version => ({ fromUs, toUs, facts: { unit }, descriptions: { name } })
const isConflict = (error: unknown) => error instanceof DomainError && error.code === 'conflict'

test('a first statement opens a version', () => {
  assert.deepEqual(planVersion([], version(10, null, 'Cel'), 'tag'), [{ do: 'open', version: version(10, null, 'Cel') }])
})

test('a changed fact closes the old version and opens a new one at its validFrom', () => {
  const history = [version(10, null, 'Cel')]
  assert.deepEqual(applyChanges(history, planVersion(history, version(20, null, 'K'), 'tag')), [version(10, 20, 'Cel'), version(20, null, 'K')])
})

test('what holds already changes nothing, also when stated as of later', () => {
  const history = [version(10, 20, 'Cel'), version(20, null, 'K')]
  assert.deepEqual(planVersion(history, version(10, null, 'Cel'), 'tag'), [])
  assert.deepEqual(planVersion(history, version(20, null, 'K'), 'tag'), [])
  assert.deepEqual(planVersion(history, version(25, null, 'K'), 'tag'), [])
})

test('a backdated version ends where the next begins', () => {
  const history = [version(10, null, 'Cel')]
  assert.deepEqual(applyChanges(history, planVersion(history, version(5, null, 'K'), 'tag')), [version(5, 10, 'K'), version(10, null, 'Cel')])
})

test('history is not rewritten', () => {
  assert.throws(() => planVersion([version(10, null, 'Cel')], version(10, null, 'K'), 'tag'), isConflict)
  assert.throws(() => planVersion([version(10, null, 'Cel')], version(5, 15, 'K'), 'tag'), isConflict)
  assert.throws(() => planVersion([version(10, 20, 'Cel'), version(20, null, 'K')], version(10, 30, 'Cel'), 'tag'), isConflict)
})

test('a description is put right in place; an end can be set', () => {
  const history = [version(10, null, 'Cel', 'typo')]
  assert.deepEqual(planVersion(history, version(10, 30, 'Cel', 'right'), 'tag'), [
    { do: 'close', fromUs: 10, toUs: 30 }, { do: 'describe', fromUs: 10, descriptions: { name: 'right' } },
  ])
})

test('whatever is stated, versions never overlap and stating it again changes nothing', () => {
  const stated = fc.record({
    fromUs: fc.integer({ min: 0, max: 20 }), length: fc.option(fc.integer({ min: 1, max: 10 })), unit: fc.constantFrom('a', 'b', 'c'),
  })
  fc.assert(fc.property(fc.array(stated, { maxLength: 12 }), (statements) => {
    let history: Version[] = []
    for (const { fromUs, length, unit } of statements) {
      const one = version(fromUs, length === null ? null : fromUs + length, unit)
      let changes
      try {
        changes = planVersion(history, one, 'tag')
      } catch (error) {
        assert.ok(isConflict(error))
        continue
      }
      history = applyChanges(history, changes)
      assert.deepEqual(planVersion(history, one, 'tag'), [])
    }
    for (const [i, v] of history.entries()) {
      assert.ok(v.toUs === null || v.toUs > v.fromUs)
      const next = history[i + 1]
      if (next) assert.ok(v.toUs !== null && v.toUs <= next.fromUs)
    }
  }))
})
