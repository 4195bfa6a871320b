import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { createProgress } from '../../../../../edge/connectors/progress.ts'
import { createSuspects } from '../../../../../edge/connectors/suspects.ts'
import { newCounters } from '../../../../../edge/connectors/sparkplug/counters.ts'
import { createHost } from '../../../../../edge/connectors/sparkplug/host.ts'
import { tagsByNode } from '../../../../../edge/connectors/sparkplug/tags.ts'
import { connectorContext } from '../../../../helpers/connector-context.ts'
import { arrivalOf } from '../../../../helpers/mqtt-arrival.ts'
import { sparkplugPayload, type SentMetric } from '../../../../helpers/sparkplug.ts'

const NOW_MS = 1_700_000_000_000
const HOUR_MS = 3_600_000

/** A host whose clock stands still, and a node whose clock is its own. */
function stage() {
  const host = createHost({
    nodes: tagsByNode(connectorContext(['g/n#t']).tags), rules: { reorderMs: 100, rebirthMs: 1_000, devicesMs: 1_000 }, maxPayload: 1_000, primaryHost: undefined, firstAskMs: null,
    refused: new Map(), counters: newCounters(), suspects: createSuspects(pino({ level: 'silent' }), () => 0), missing: new Map(), progress: createProgress(0), nowUs: () => NOW_MS * 1_000, nowMs: () => 0,
  })
  const hear = (type: string, seq: number | null, ms: number, metrics: SentMetric[]) => host.hear([
    arrivalOf(`spBv1.0/g/${type}/n`, sparkplugPayload({ ms, metrics, ...(seq !== null && { seq }) })),
  ])
  const birth = (ms: number) => hear('NBIRTH', 0, ms, [{ name: 'bdSeq', type: 4, long: 1n }, { name: 't', alias: 1, type: 10, double: 1 }])
  return { birth, data: (seq: number, ms: number) => hear('NDATA', seq, ms, [{ alias: 1, double: 2 }]), death: () => hear('NDEATH', null, NOW_MS, [{ name: 'bdSeq', type: 4, long: 1n }]) }
}

test('a node whose clock is ahead: that it is lost comes after its last value', () => {
  const { birth, data, death } = stage()
  birth(NOW_MS + 1_000)
  data(1, NOW_MS + 2_000)
  assert.deepEqual(death().live.map(({ sourceUs }) => sourceUs), [(NOW_MS + 2_000) * 1_000 + 1])
})

test('a time that the platform would not follow moves nothing', () => {
  const { birth, data, death } = stage()
  birth(NOW_MS)
  data(1, NOW_MS + HOUR_MS)
  assert.deepEqual(death().live.map(({ sourceUs }) => sourceUs), [NOW_MS * 1_000])
})

test('what came before the birth is missed up to it, by the clock of the node', () => {
  for (const [aheadMs, toMs] of [[2_000, NOW_MS + 2_000], [HOUR_MS, NOW_MS], [-2_000, NOW_MS]] as const) {
    const { birth, data } = stage()
    data(7, NOW_MS + aheadMs - 10)
    assert.deepEqual(birth(NOW_MS + aheadMs).losses.map(({ toUs }) => toUs), [toMs * 1_000])
  }
})
