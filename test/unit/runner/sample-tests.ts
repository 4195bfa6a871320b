import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'

// Not a test file of the project: it fails on purpose, for the test of the reporter.
describe('outer', () => {
  it('passes', () => { process.stdout.write('printed without a line end') })
  describe('inner', () => {
    it('fails', () => { assert.equal(1, 2, 'one is not two') })
    it('is skipped', { skip: 'no browser' }, () => {})
    void it.todo('is to be done')
  })
})
test('parent', async (t) => {
  await t.test('child passes', () => {})
  await t.test('child fails', () => { throw new TypeError('bad child') })
})
describe('needs a server', { skip: 'no server' }, () => {
  it('is not run', () => { throw new Error('run all the same') })
})
describe('last', () => {
  it('alone', () => {})
})
