import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { assertBalanced, balance, runsOf, type Accounts, type LedgerEntry } from '../../helpers/accounts.ts'

const gap = (given: Partial<LedgerEntry>): LedgerEntry => ({ cause: 'buffer_full', tag: 'a', fromUs: 0, toUs: 1e9, lost: 0, ...given })
const of = (given: Partial<Accounts> & { stored: Accounts['stored'] }): Accounts => ({ sources: [{ tag: 'a', given: [{ first: 0, last: 9 }], timeOf: (raw) => raw * 10 }], ledger: [], ...given })
const run = (first: number, last: number, lane = 'live') => ({ tag: 'a', lane, first, last })
const told = (accounts: Accounts) => balance(accounts).problems.join('\n')

suite('accounts of a fault test', () => {
  test('balance when every number is stored once, in order, or named', () => {
    assert.deepEqual(assertBalanced(of({ stored: [run(0, 9)] })), { given: 10, stored: 10, named: 0, untaken: 0, problems: [] })
    assertBalanced(of({ stored: [run(0, 3), run(6, 9)], ledger: [gap({ lost: 2, fromUs: 40, toUs: 50 })] }))
    assertBalanced(of({ stored: [run(5, 9), run(0, 4, 'backfill')] }))
    assertBalanced(of({ sources: [{ tag: 'a', given: [run(0, 9)], untaken: new Set([4]) }], stored: [run(0, 3), run(5, 9)] }))
    assertBalanced(of({ stored: [run(0, 3)], ledger: [gap({ tag: null, lost: null, fromUs: 40, toUs: null })] }))
  })
  test('name what is missing, twice, strange or out of order', () => {
    assert.match(told(of({ stored: [run(0, 3), run(5, 9)] })), /missing, and in no gap: 4$/m)
    assert.match(told(of({ stored: [run(0, 3), run(6, 9)], ledger: [gap({ lost: 1 })] })), /2 are missing \(4–5\), but the ledger names 1/)
    assert.match(told(of({ stored: [run(0, 9)], ledger: [gap({ lost: 3 })] })), /names 3 as lost, but 0 are missing/)
    assert.match(told(of({ stored: [run(0, 4), run(6, 9)], ledger: [gap({ lost: 1, fromUs: 60 })] })), /in no gap: 5/)
    assert.match(told(of({ stored: [run(0, 9), run(3, 3)] })), /twice: 3[^]*out of order in the live lane: 3 after 9/)
    assert.match(told(of({ stored: [run(0, 10)] })), /never given: 10/)
    assert.match(told(of({ stored: [run(0, 9), { ...run(0, 1), tag: 'b' }] })), /b: stored, but no source gave it/)
    assert.match(told(of({ stored: [run(5, 9), run(0, 4)] })), /out of order/)
    assert.match(told(of({ stored: [run(0, 7)], ledger: [gap({ tag: null, lost: 1 })] })), /name 1 as lost, but 2 are missing/)
  })
  test('runs follow the order of arrival', () => {
    assert.deepEqual(runsOf([1, 2, 3, 5, 4, 4]), [run(1, 3), run(5, 5), run(4, 4), run(4, 4)].map(({ first, last }) => ({ first, last })))
  })
})
