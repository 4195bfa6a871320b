import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { waitFor } from '../../../infra/demo/wait.ts'
import { appoint, foundFamily, makePeople, millBatch, millPlant, trainMill } from '../../helpers/mill.ts'
import { settled, startTestPlatform, type TestPlatform } from '../../helpers/platform.ts'
import { seeded, shuffled } from '../../helpers/random.ts'
import { connectRawGateway } from '../../helpers/raw-gateway.ts'

const startUs = Math.floor(Date.now() / 60_000 - 120) * 60_000_000
const lanes = [{ gateway: 'gw-1', asset: 'mill-1' }, { gateway: 'gw-2', asset: 'mill-2' }]
const history = Array.from({ length: 10 }, (_, i) => ({ fromS: i * 100, toS: (i + 1) * 100, worn: 0 }))
/** Wears in the middle and recovers: alerts are raised and cleared. */
const today = Array.from({ length: 20 }, (_, i) => ({ fromS: 1000 + i * 25, toS: 1000 + (i + 1) * 25, worn: i >= 6 && i < 13 ? 6 : 0 }))

describe('the order in which batches arrive', () => {
  let on: TestPlatform | undefined
  const told = new Map<string, Record<string, unknown[]>>()

  /** Delivers everything to a fresh site, in the order that `arrange` makes of it, and tells what came out. */
  async function live(site: string, arrange: <T>(batches: T[]) => T[]): Promise<{ duplicates: number }> {
    const running = on as TestPlatform
    const { admin, platform } = running
    await admin.post('/v1/assets/import', millPlant(site, lanes.map(({ asset }) => asset)))
    const people = await makePeople(admin, site)
    await foundFamily(people, admin, site, { acknowledgeWithinSeconds: 3600, escalateAfterSeconds: 7200 })
    const gateways = await Promise.all(lanes.map(({ gateway }) => connectRawGateway(platform.connections.mqtt, site, gateway)))
    const sequences = lanes.map(() => 0)
    let sent = 0
    let expected = 0
    const deliver = async (spans: typeof history) => {
      const batches = spans.flatMap(({ fromS, toS, worn }) => lanes.map(({ gateway, asset }, lane) =>
        ({ lane, bytes: millBatch(site, ++sequences[lane]!, startUs, fromS, toS, { gateway, assets: [asset], worn }) })))
      sent += batches.length
      const arranged = arrange(batches)
      expected += arranged.length
      await Promise.all(arranged.map(({ lane, bytes }) => gateways[lane]!.publish(bytes)))
      await waitFor('every answer', () => Promise.resolve(gateways.flatMap((gateway) => gateway.answers()).length >= expected))
      await settled(running, site, sent)
    }
    await deliver(history)
    await appoint(people, site, (await trainMill(people, site)).gate)
    await deliver(today)
    const statuses = gateways.flatMap((gateway) => gateway.answers()).map(({ status }) => status)
    assert.ok(!statuses.includes('quarantined'))
    await Promise.all(gateways.map((gateway) => gateway.close()))

    const of = (text: string) => running.sql(text, [site])
    told.set(site, {
      windows: await of(`select asset_id, window_end, revision, lane, feature_values, good_fraction from feature_window
                         join asset using (asset_ref) where feature_window.site_id = $1 order by 1, 2, 3`),
      scores: await of(`select asset_id, window_end, revision, role, score, confidence, contributions from score
                        join asset using (asset_ref) where score.site_id = $1 order by 1, 2, 3`),
      decisions: await of(`select asset_id, window_end, fold_before, decision from score
                           join asset using (asset_ref) where score.site_id = $1 order by 1, 2`),
      alerts: await of(`select asset_id, rule_id, severity, failure_mode, raised_at, cleared_at from alert
                        join asset using (asset_ref) where alert.site_id = $1 order by 1, 2, 5`),
    })
    return { duplicates: statuses.filter((status) => status === 'duplicate').length }
  }

  before(async () => { on = await startTestPlatform() })
  after(async () => { await on?.stop() })

  it('gives scores and alerts when they come in order', async () => {
    await live('in-order', (batches) => batches)
    const { windows, scores, alerts } = told.get('in-order') ?? {}
    assert.equal(windows?.length, 2 * 149)
    assert.equal(scores?.length, 2 * 50)
    assert.equal(alerts?.length, 2)
  })

  it('takes each batch once when they come shuffled and doubled', async () => {
    const random = seeded(7)
    const { duplicates } = await live('shuffled', (batches) => shuffled([...batches, ...batches], random))
    assert.equal(duplicates, 2 * (history.length + today.length))
  })

  for (const what of ['windows', 'scores', 'decisions', 'alerts']) {
    it(`changes no ${what}`, () => {
      assert.ok((told.get('in-order')?.[what]?.length ?? 0) > 0)
      assert.deepEqual(told.get('shuffled')?.[what], told.get('in-order')?.[what])
    })
  }
})
