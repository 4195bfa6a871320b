import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placeChanges, shiftText } from '../../../../api/console/client/plot/changes.ts'

const at = (hour: number) => new Date(hour * 3_600_000).toISOString()
const change = (asset: string, hour: number, alert: string | null = null) => ({ asset, rule: 'wear', raised: at(hour), cleared: null, score: '1', alert })

test('puts each change on the time axis of its machine, the machine with the most first, a moved one with where it was', () => {
  const rows = placeChanges({ gained: [change('a', 5)], lost: [change('b', 10, 'x')], moved: [{ ...change('b', 2), before: at(4), shiftSeconds: -7200 }] }, 0, 10 * 3_600_000)
  assert.deepEqual(rows.map(({ asset, changes }) => [asset, changes.map(({ kind, x, fromX, shift, href }) => [kind, x, fromX, shift, href])]), [
    ['b', [['lost', 1, null, '', '/alerts/x'], ['moved', 0.2, 0.4, '2 h earlier', null]]],
    ['a', [['gained', 0.5, null, '', null]]],
  ])
  assert.equal(placeChanges({ gained: [change('a', 5)], lost: [], moved: [] }, 0, 0)[0]?.changes[0]?.x, 0.5, 'a span without length has a middle')
})

test('tells a shift in the largest unit that has it whole', () => {
  assert.deepEqual([-7200, 90, 86_400 * 2.5, -0.5].map(shiftText), ['2 h earlier', '1.5 min later', '2.5 d later', '0.5 s earlier'])
})
