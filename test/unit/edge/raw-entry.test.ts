import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeRawBlock, encodeRawBlock, type RawBlock } from '../../../edge/raw-entry.ts'

const addresses = ['Ω 1', 'b']
const addressesOf = (digest: string) => (digest === head.mapDigest ? addresses : undefined)
const head = { source: 'csv', mode: 'backfill' as const, mapDigest: 'a'.repeat(64), gatewayUs: 5, completeThroughUs: null }

test('readings and waveforms survive the buffer to the bit, at any alignment', () => {
  fc.assert(fc.property(
    fc.array(fc.record({ at: fc.integer(), raw: fc.double(), quality: fc.integer({ min: 0, max: 65535 }), address: fc.integer({ min: 0, max: 1 }) })),
    fc.array(fc.array(fc.float(), { minLength: 1 }), { maxLength: 4 }),
    fc.integer({ min: 0, max: 7 }),
    (rows, waves, shift) => {
      const readings: RawBlock = {
        ...head, kind: 'readings', addresses, address: Uint16Array.from(rows, ({ address }) => address),
        sourceUs: Float64Array.from(rows, ({ at }) => at), raw: Float64Array.from(rows, ({ raw }) => raw), quality: Uint16Array.from(rows, ({ quality }) => quality),
      }
      const waveforms: RawBlock = {
        ...head, kind: 'waveforms',
        rows: waves.map((samples, i) => ({ address: `w${i}`, startUs: i, intervalUs: 39.0625, quality: i, samples: Float32Array.from(samples) })),
      }
      for (const block of [readings, waveforms]) {
        const bytes = encodeRawBlock(block)
        const moved = new Uint8Array(bytes.byteLength + shift).subarray(shift)
        moved.set(bytes)
        assert.deepEqual(decodeRawBlock(moved, addressesOf), block)
      }
    },
  ))
})

test('bytes that are no entry are refused, never read as one', () => {
  const good = encodeRawBlock({ ...head, kind: 'waveforms', rows: [{ address: 'w', startUs: 0, intervalUs: 1, quality: 0, samples: Float32Array.of(1, 2, 3) }] })
  for (const bytes of [new Uint8Array(0), new Uint8Array(20), good.subarray(0, good.length - 4), good.subarray(0, 30)]) {
    assert.throws(() => decodeRawBlock(bytes, addressesOf), { code: 'contract_broken' })
  }
  const unmapped = encodeRawBlock({ ...readings([0], [1]), mapDigest: 'other' })
  assert.throws(() => decodeRawBlock(unmapped, addressesOf), { code: 'contract_broken' })
})

test('an entry of version 1, which names its addresses, is read by the map\'s', () => {
  // As the first version wrote them: kind 1, version 1, the head with its own list of addresses.
  const text = Buffer.from(JSON.stringify({ ...head, addresses: ['b'], n: 2 }))
  const at = Math.ceil((8 + text.byteLength) / 8) * 8
  const bytes = new Uint8Array(at + 40)
  bytes.set([1, 1])
  new DataView(bytes.buffer).setUint32(4, text.byteLength, true)
  bytes.set(text, 8)
  const { address: _own, ...columns } = readings([0, 0], [1.5, 2.5])
  new Float64Array(bytes.buffer, at, 2).set(columns.sourceUs)
  new Float64Array(bytes.buffer, at + 16, 2).set(columns.raw)
  assert.deepEqual(decodeRawBlock(bytes, addressesOf), { ...columns, address: Uint16Array.of(1, 1) })
  assert.throws(() => decodeRawBlock(bytes, () => ['a']), { code: 'contract_broken' })
})

function readings(address: number[], raw: number[]): RawBlock & { kind: 'readings' } {
  return {
    ...head, kind: 'readings', addresses, address: Uint16Array.from(address), sourceUs: Float64Array.from(raw, (_, i) => i),
    raw: Float64Array.from(raw), quality: new Uint16Array(raw.length),
  }
}
