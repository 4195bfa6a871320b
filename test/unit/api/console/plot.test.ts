import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { breakAtGaps, lonely } from '../../../../api/console/client/plot/gaps.ts'
import { causeText, shadesOf } from '../../../../api/console/client/plot/shades.ts'
import { firstSpan, rangeOf, spansOf } from '../../../../api/console/client/plot/spans.ts'
import { confidenceAt, surprise } from '../../../../api/console/client/plot/surprise.ts'

const HOUR = 3600
const DAY = 86_400_000

describe('a line', () => {
  it('breaks where months are without data', () => {
    const times = [0, 1, 2, 3, 2000, 2001, 2002].map((hour) => hour * HOUR)
    const { times: shown, values: [line] } = breakAtGaps(times, [[1, 2, 3, 4, 5, 6, 7]], 600)
    assert.deepEqual(line, [1, 2, 3, 4, null, 5, 6, 7])
    assert.deepEqual(shown.map((time) => time / HOUR), [0, 1, 2, 3, 4, 2000, 2001, 2002])
  })

  it('does not break at windows an hour apart because the buckets are narrow, nor at a single one missing', () => {
    const times = [0, 1, 2, 4, 5, 6].map((hour) => hour * HOUR)
    assert.deepEqual(breakAtGaps(times, [times], 6).times, times)
  })

  it('breaks between two lone points, of which nothing says that they belong together', () => {
    assert.deepEqual(breakAtGaps([0, 200 * HOUR], [[1, 2]], HOUR).values, [[1, null, 2]])
  })

  it('keeps every point in its place, whatever the times', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 1e6 }), { maxLength: 60 }), fc.integer({ min: 1, max: 5000 }), (steps, bucket) => {
      let at = 0
      const times = steps.map((step) => (at += step))
      const shown = breakAtGaps(times, [times], bucket)
      assert.deepEqual(shown.values[0]?.filter((value) => value !== null), times)
      shown.times.forEach((time, i) => { if (i > 0) assert.ok(time > (shown.times[i - 1] as number)) })
    }))
  })

  it('has a dot where a value stands alone', () => {
    assert.deepEqual(lonely([1, null, 2, 3, null, 4]), [0, 5])
    assert.deepEqual(lonely([null, 1, 2]), [])
  })
})

describe('spans', () => {
  const to = Date.UTC(2026, 10, 22)

  it('are those that show less than all there is', () => {
    assert.deepEqual(spansOf({ from: to - 21 * DAY, to }), ['hour', 'day', 'week', 'all'])
    assert.deepEqual(spansOf({ from: to - 600_000, to }), ['all'])
  })

  it('begin with all there is, or with the last month of a long live record', () => {
    assert.equal(firstSpan({ from: to - 21 * DAY, to }, true), 'all')
    assert.equal(firstSpan({ from: to - 700 * DAY, to }, true), 'month')
    assert.equal(firstSpan({ from: to - 700 * DAY, to }, false), 'all')
  })

  it('never begin before there is data', () => {
    assert.deepEqual(rangeOf('year', { from: to - DAY, to }), { from: to - DAY, to })
    assert.deepEqual(rangeOf('day', { from: to - 9 * DAY, to }), { from: to - DAY, to })
  })
})

describe('the scale of confidences', () => {
  it('has a step for each ten times rarer, and an end', () => {
    assert.deepEqual([0, 0.9, 0.99].map((c) => Number(surprise(c)?.toFixed(9))), [0, 1, 2])
    assert.equal(surprise(1), 6)
    assert.equal(surprise(null), null)
    assert.deepEqual([0, 1, 2, 3, 4].map(confidenceAt), ['0', '0.9', '0.99', '0.999', '0.9999'])
  })
})

describe('shades', () => {
  const gap = (given: object) => ({ id: 'g', gateway: 'gw-1', cause: 'source_silent', tag: 'p/a', source: 'plc', from: '2026-01-01T00:00:00Z', to: '2026-01-01T00:01:00Z', lost: null, detail: null, ...given })
  const seconds = (text: string) => Date.parse(`2026-01-01T00:${text}Z`) / 1000
  const now = Date.parse('2026-01-01T01:00:00Z')

  it('stand where readings of the tag are missing, of whole gateways too; what goes on lasts until now', () => {
    const gaps = [gap({ tag: null, cause: 'clock', from: '2026-01-01T00:30:00Z', to: null }), gap({ tag: 'p/b' }), gap({})]
    assert.deepEqual(shadesOf(gaps, 'p/a', now), [{ from: seconds('00:00'), to: seconds('01:00'), label: 'machine silent' }, { from: seconds('30:00'), to: now / 1000, label: 'clock doubtful' }])
    assert.equal(shadesOf(gaps, null, now).length, 2, 'of any tag; two of one cause and time are one')
  })

  it('leave out a connection that was cut and lost nothing, once it is back', () => {
    const cut = { cause: 'wan', tag: null, lost: 0 }
    assert.deepEqual(shadesOf([gap(cut)], 'p/a', now), [])
    assert.equal(shadesOf([gap({ ...cut, to: null })], 'p/a', now).length, 1)
    assert.equal(shadesOf([gap({ ...cut, lost: 3 })], 'p/a', now).length, 1)
  })

  it('have words for causes, also for those of a newer gateway', () => {
    assert.deepEqual(['buffer_full', 'solar_flare'].map(causeText), ['buffer full', 'solar flare'])
  })
})
