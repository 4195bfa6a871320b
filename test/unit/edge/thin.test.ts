import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { thinBlock } from '../../../edge/thin.ts'
import type { RawBlock } from '../../../edge/raw-entry.ts'

test('thinned or gone, every reading is accounted for; extremes and doubtful ones stay', () => {
  const row = fc.record({ address: fc.nat(2), seconds: fc.nat(300), raw: fc.integer({ min: -9, max: 9 }), quality: fc.constantFrom(0, 0, 0, 1, 2) })
  fc.assert(fc.property(fc.array(row, { maxLength: 80 }), (rows) => {
    const block: RawBlock & { kind: 'readings' } = {
      kind: 'readings', source: 's', mode: 'live', mapDigest: 'd', gatewayUs: 1, completeThroughUs: null, addresses: ['a', 'b', 'c'],
      address: Uint16Array.from(rows, (r) => r.address), sourceUs: Float64Array.from(rows, (r) => r.seconds * 1e6), raw: Float64Array.from(rows, (r) => r.raw), quality: Uint16Array.from(rows, (r) => r.quality),
    }
    const { rest, gone } = thinBlock(block)
    assert.ok(rest.kind === 'readings' && gone.kind === 'readings')
    const list = ({ address, sourceUs, raw, quality }: { address: Uint16Array; sourceUs: Float64Array; raw: Float64Array; quality: Uint16Array }) =>
      Array.from(raw, (value, i) => `${address[i]} ${sourceUs[i]} ${value} ${quality[i]}`)
    assert.deepEqual([...list(rest), ...list(gone)].sort(), list(block).sort())
    assert.ok(gone.quality.every((code) => code === 0))
    for (const address of [0, 1, 2]) {
      const good = rows.filter((r) => r.address === address && r.quality === 0)
      const kept = Array.from(rest.raw).filter((_, i) => rest.address[i] === address)
      for (const pick of [Math.min, Math.max]) if (good.length > 0) assert.ok(kept.includes(pick(...good.map(({ raw }) => raw))))
    }
    assert.deepEqual(thinBlock(rest).gone.kind === 'readings' && (thinBlock(rest).gone as typeof gone).raw.length, 0)
  }))
})
