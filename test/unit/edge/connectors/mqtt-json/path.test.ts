import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { findAll, findBeside, parseJsonPath } from '../../../../../edge/connectors/mqtt-json/path.ts'

const values = (top: unknown, path: string) => findAll(top, parseJsonPath(path)).map(({ value }) => value)
const beside = (top: unknown, path: string, other: string) => findAll(top, parseJsonPath(path)).map((found) => findBeside(found, parseJsonPath(other)))

suite('a path', () => {
  const message = { ts: 7, motor: { temp: 21, 'oil.level': 3 }, list: [{ name: 'a', v: 1, ts: 1 }, { name: 'b', v: 2 }], t: [10, 20], v: [1, 2], deep: [[1, 2], [3]] }

  test('leads to names, elements, each element, and those that say so', () => {
    assert.deepEqual(values(message, ''), [message])
    assert.deepEqual([values(message, 'motor.temp'), values(message, 'motor["oil.level"]'), values(message, '["motor"].temp')], [[21], [3], [21]])
    assert.deepEqual([values(message, 'list[0].v'), values(message, 'list[-1].v'), values(message, 'list[7].v')], [[1], [2], []])
    assert.deepEqual([values(message, 'list[*].v'), values(message, 'list[name=b].v'), values(message, 'list["name"="b"].v'), values(message, 'deep[*][*]')], [[1, 2], [2], [2], [1, 2, 3]])
    assert.deepEqual([values(message, '[ts=7].motor.temp'), values(message, '[ts=8].motor.temp'), values([1, 2], '[*]')], [[21], [], [1, 2]])
  })
  test('leads nowhere rather than into what an object merely inherits', () => {
    for (const path of ['__proto__', 'constructor', 'toString', 'list.length', 'motor.__proto__.temp', 'ts.toFixed', 'list[length=2].v', '["__proto__"]']) assert.deepEqual(values(message, path), [], path)
    assert.deepEqual(values(JSON.parse('{"__proto__":{"v":1}}'), '__proto__.v'), [1])
    assert.equal(beside(message, 'motor.temp', 'constructor')[0], undefined)
  })
  test('knows what stands beside: in the object itself, else around it; of lists the element of the same number', () => {
    assert.deepEqual(beside(message, 'list[*].v', 'ts'), [1, 7])
    assert.deepEqual(beside(message, 'list[*].v', '$.ts'), [7, 7])
    assert.deepEqual([beside(message, 'v[*]', 't[*]'), beside(message, 'motor.temp', 't[1]'), beside(message, 'motor.temp', 't[*]'), beside(message, 'ts', 'list[name=b].v')], [[10, 20], [20], [undefined], [2]])
    assert.deepEqual(beside([{ v: 1, ts: 5 }], '[*].v', 'ts'), [5])
  })
  test('that is none is refused with what can be written', () => {
    for (const text of ['.a', 'a.', 'a..b', 'a[', 'a[]', 'a[x]', 'a]', 'a[0', ' a', 'a["b]', 'a[*', '[1.5]', 'a[=b]', 'a"b"', 'a[0]b']) {
      assert.throws(() => parseJsonPath(text), { code: 'invalid', message: /is no path into JSON.*write names with dots/ }, text)
    }
  })
  test('of names leads to what stands there, however it is written', () => {
    const key = fc.string({ minLength: 1, maxLength: 8 }).filter((text) => !text.includes('"'))
    fc.assert(fc.property(fc.array(key, { minLength: 1, maxLength: 5 }), fc.double(), (keys, value) => {
      const top = keys.reduceRight<unknown>((inner, name) => Object.fromEntries([[name, inner]]), value)
      assert.deepEqual(values(top, keys.map((name) => `["${name}"]`).join('')), [value])
      const plain = keys.filter((name) => /^[^.[\]"\s$][^.[\]"]*$/.test(name))
      if (plain.length === keys.length) assert.deepEqual(values(top, keys.join('.')), [value])
    }), { numRuns: 2_000 })
  })
})
