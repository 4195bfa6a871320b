import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkChain, GENESIS, sealEntries, type FoundRow, type LedgerEntry } from '../../../../../registry/domain/ledger/chain.ts'

const entryOf = (id: number, body: string): LedgerEntry => ({
  site: 'hamburg', entryId: String(id), recordedAtUs: 1_772_366_400_000_000 + id, kind: 'gate.decided', subject: `gate/${id}`, actor: 'rita', body,
})
const entries = fc.array(fc.string({ maxLength: 20 }), { minLength: 1, maxLength: 12 }).map((bodies) => bodies.map((body, i) => entryOf(i + 1, JSON.stringify({ body }))))
const rowsOf = (list: readonly LedgerEntry[]): FoundRow[] => sealEntries(null, list).map((seal, i) => ({ seal, entry: list[i] as LedgerEntry }))

test('an untouched chain is whole, however it was cut into sealings', () => {
  fc.assert(fc.property(entries, fc.nat(), (list, cut) => {
    const at = cut % (list.length + 1)
    const first = sealEntries(null, list.slice(0, at))
    const rest = sealEntries(first.at(-1) ?? null, list.slice(at))
    assert.deepEqual([...first, ...rest], sealEntries(null, list))
    assert.equal(checkChain(rowsOf(list)), null)
  }))
})

test('a change of any field of any entry is found at its place', () => {
  const changes: ((e: LedgerEntry) => LedgerEntry)[] = [
    (e) => ({ ...e, body: `${e.body} ` }), (e) => ({ ...e, actor: 'mallory' }), (e) => ({ ...e, subject: 'gate/0' }),
    (e) => ({ ...e, kind: 'gate.opened' }), (e) => ({ ...e, recordedAtUs: e.recordedAtUs + 1 }), (e) => ({ ...e, site: 'bremen' }),
  ]
  fc.assert(fc.property(entries, fc.nat(), fc.constantFrom(...changes), (list, pick, change) => {
    const rows = rowsOf(list)
    const i = pick % rows.length
    rows[i] = { seal: rows[i]!.seal, entry: change(rows[i]!.entry!) }
    const problem = checkChain(rows)
    assert.equal(problem?.what, 'changed')
    assert.equal(problem?.sequence, i + 1)
  }))
})

test('a removed row is found at its place, seal and all or entry alone', () => {
  fc.assert(fc.property(entries.filter((list) => list.length > 1), fc.nat(), fc.boolean(), (list, pick, sealToo) => {
    const rows = rowsOf(list)
    const i = pick % (rows.length - 1)
    if (sealToo) rows.splice(i, 1)
    else rows[i] = { seal: rows[i]!.seal, entry: null }
    assert.equal(checkChain(rows)?.what, 'removed')
    assert.equal(checkChain(rows)?.sequence, i + 1)
  }))
})

test('swapped or newly hashed rows do not pass', () => {
  fc.assert(fc.property(entries.filter((list) => list.length > 2), fc.nat(), (list, pick) => {
    const i = pick % (list.length - 2)
    const swapped = rowsOf(list)
    const [a, b] = [swapped[i]!, swapped[i + 1]!]
    swapped[i] = { seal: a.seal, entry: b.entry }
    swapped[i + 1] = { seal: b.seal, entry: a.entry }
    assert.notEqual(checkChain(swapped), null)

    // A forger who computes the changed row's own hash anew breaks the link of the row after it.
    const forged = rowsOf(list)
    const before = i === 0 ? null : forged[i - 1]!.seal
    const changed = { ...forged[i]!.entry!, actor: 'mallory' }
    forged[i] = { seal: sealEntries(before, [changed])[0]!, entry: changed }
    assert.equal(checkChain(forged)?.what, 'reordered')
    assert.equal(checkChain(forged)?.sequence, i + 2)
  }))
})

test('the first entry links to the genesis hash, and a chain may be checked from a known place on', () => {
  const list = [entryOf(1, 'a'), entryOf(2, 'b'), entryOf(3, 'c')]
  const rows = rowsOf(list)
  assert.equal(rows[0]?.seal.previousHash, GENESIS)
  assert.equal(checkChain(rows.slice(1), rows[0]?.seal), null)
  assert.equal(checkChain(rows.slice(1))?.what, 'removed')
})
