import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { pickSlice, type SliceCandidate } from '../../../../../registry/domain/rollout/slice.ts'

const least = ['low', 'medium', 'high', 'critical'] as const
type C = (typeof least)[number]
const fleet = fc.array(fc.constantFrom(...least), { minLength: 0, maxLength: 60 })
  .map((criticalities) => criticalities.map((criticality, i): SliceCandidate<C> => ({ asset: `m-${i}`, criticality })))
const percent = fc.double({ min: 0.1, max: 99.9, noNaN: true })

describe('a canary’s slice', () => {
  it('is some machines and never all, as near to the share as whole machines allow', () => {
    fc.assert(fc.property(fleet, percent, fc.string(), (machines, share, seed) => {
      const picked = pickSlice(machines, share, seed, least)
      assert.equal(new Set(picked).size, picked.length)
      assert.ok(picked.every((asset) => machines.some((at) => at.asset === asset)))
      if (machines.length < 2) assert.deepEqual(picked, [])
      else {
        assert.ok(picked.length >= 1 && picked.length < machines.length)
        const wanted = Math.min(Math.max(1, Math.round((machines.length * share) / 100)), machines.length - 1)
        assert.equal(picked.length, wanted)
      }
    }))
  })

  it('takes of each criticality its share, to within one machine', () => {
    fc.assert(fc.property(fleet, percent, fc.string(), (machines, share, seed) => {
      const picked = new Set(pickSlice(machines, share, seed, least))
      for (const criticality of least) {
        const stratum = machines.filter((at) => at.criticality === criticality)
        const exact = (stratum.length * picked.size) / Math.max(1, machines.length)
        const taken = stratum.filter(({ asset }) => picked.has(asset)).length
        assert.ok(Math.abs(taken - exact) < 1, `${criticality}: ${taken} of ${stratum.length}, ${exact} is its share`)
      }
    }))
  })

  it('is the same for the same seed in whatever order machines come, and prefers the less critical where shares are equal', () => {
    fc.assert(fc.property(fleet, percent, fc.string(), (machines, share, seed) => {
      assert.deepEqual(pickSlice([...machines].reverse(), share, seed, least), pickSlice(machines, share, seed, least))
    }))
    const four = least.map((criticality) => ({ asset: criticality, criticality }))
    assert.deepEqual(pickSlice(four, 25, 'any', least), ['low'])
    assert.deepEqual(pickSlice(four, 50, 'any', least), ['low', 'medium'])
    const many = Array.from({ length: 40 }, (_, i) => ({ asset: `m-${i}`, criticality: 'low' as const }))
    assert.notDeepEqual(pickSlice(many, 20, 'one', least), pickSlice(many, 20, 'another', least))
  })
})
