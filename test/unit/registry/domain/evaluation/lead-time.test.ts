import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { episodesFromFlags, leadTimeReport, weekAheadProtocol, type AssetEvent } from '../../../../../registry/domain/evaluation/lead-time.ts'

const HOUR = 3_600_000_000
const WEEK = 168
const at = (hour: number, asset = 'm1'): AssetEvent => ({ asset, atUs: hour * HOUR })
const year = [{ asset: 'm1', fromUs: 0, toUs: 8766 * HOUR }]
const hours = fc.array(fc.integer({ min: 0, max: 8000 }), { maxLength: 40 })

describe('episodesFromFlags', () => {
  it('keeps one episode open per asset, until a week has passed or the asset was mended', () => {
    const episodes = episodesFromFlags([0, 1, 168, 169, 200, 250].map((h) => at(h)), [at(200)], WEEK * HOUR)
    assert.deepEqual(episodes.map((e) => [e.raisedUs / HOUR, e.closedUs / HOUR]), [[0, 168], [169, 200], [250, 418]])
  })

  it('never overlaps on one asset, and every flag lies in an episode or on a closing event', () => {
    fc.assert(fc.property(hours, hours, (flags, closers) => {
      const episodes = episodesFromFlags(flags.map((h) => at(h)), closers.map((h) => at(h)), WEEK * HOUR)
      episodes.forEach((e, i) => {
        assert.ok(e.closedUs > e.raisedUs)
        const before = episodes[i - 1]
        if (before) assert.ok(e.raisedUs > before.closedUs)
      })
      for (const h of flags) {
        assert.ok(closers.includes(h) || episodes.some((e) => e.raisedUs <= h * HOUR && h * HOUR <= e.closedUs))
      }
    }))
  })
})

describe('leadTimeReport', () => {
  const judge = (flags: readonly number[], failures: readonly number[]) => leadTimeReport(
    episodesFromFlags(flags.map((h) => at(h)), failures.map((h) => at(h)), WEEK * HOUR), failures.map((h) => at(h)), year)

  it('tells caught, late and missed apart at the very borders', () => {
    const report = judge([976, 1977, 2832, 3831], [1000, 2000, 3000, 4000])
    assert.deepEqual(report.outcomes.map((o) => o.outcome), ['caught', 'late', 'caught', 'missed'])
    assert.deepEqual([report.caught, report.late, report.missed, report.falseEpisodes], [2, 1, 1, 1])
    assert.deepEqual(report.leadHours, { min: 23, p25: 24, median: 24, p75: 168, max: 168 })
    assert.deepEqual(report.caughtAtLeast.map((c) => c.caught), [3, 3, 2, 1, 1])
  })

  it('gives false episodes per asset-month, and leaves open what the end of the data leaves open', () => {
    const report = judge([1000, 2000, 3000, 8700], [])
    assert.deepEqual([report.falseEpisodes, report.undecidedEpisodes, report.leadHours], [3, 1, null])
    assert.ok(Math.abs((report.falsePerAssetMonth ?? 0) - 3 / 12) < 1e-9)
  })

  it('an episode closed by one failure does not speak for the next', () => {
    const report = judge([1000], [1048, 1100])
    assert.deepEqual(report.outcomes.map((o) => o.outcome), ['caught', 'missed'])
    assert.equal(judge([1000], [1048, 1048]).caught, 2)
  })

  it('accounts for every failure and every episode once', () => {
    fc.assert(fc.property(hours, hours, (flags, failures) => {
      const report = judge(flags, failures)
      assert.equal(report.caught + report.late + report.missed, failures.length)
      assert.ok(report.falseEpisodes + report.undecidedEpisodes <= report.episodes)
      for (const { leadUs } of report.outcomes) assert.ok(leadUs === null || (leadUs >= 0 && leadUs <= weekAheadProtocol.horizonUs))
    }))
  })

  it('refuses events outside the observation, which would bend the rates', () => {
    assert.throws(() => leadTimeReport([], [at(9000)], year), { code: 'invalid' })
    assert.throws(() => leadTimeReport([], [at(10, 'stranger')], year), /stranger/)
  })
})
