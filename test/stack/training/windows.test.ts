import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { insertFeatureWindows } from '../../../registry/store/feature-windows.ts'
import { familyAssets, readExclusions, readFailures, readTrainingWindows, type FamilyAsset } from '../../../registry/store/training-windows.ts'
import { inSite, type Tx } from '../../../registry/store/transaction.ts'
import { useStack } from '../../helpers/stack.ts'
import { createTrainingSite, MINUTE, normalRows, T0, WIDTH, type TrainingSite } from '../../helpers/training.ts'

describe('windows to learn from', () => {
  let place: TrainingSite
  let assets: FamilyAsset[]
  const inPlace = <T>(work: (tx: Tx) => Promise<T>) => inSite(place.pool, place.site, work)
  const read = (query: { commitNumber?: number; limit?: number; fromUs?: number; toUs?: number } = {}) => inPlace((tx) => readTrainingWindows(tx, {
    featureSetRef: 1, assetRefs: assets.map((a) => a.assetRef), fromUs: 0, toUs: T0 + 1e6 * MINUTE, commitNumber: 99, limit: 100_000, ...query,
  }))

  before(async () => {
    place = await createTrainingSite(await useStack())
    await place.addWindows('pump-1', normalRows(6_000, 1))
    await place.addWindows('pump-2', normalRows(6_000, 2))
    assets = await inPlace((tx) => familyAssets(tx, place.family))
    // A late reading made a second revision of one window, under the third commit.
    await inPlace((tx) => insertFeatureWindows(tx, place.site, [{
      assetRef: assets[0]!.assetRef, featureSetRef: 1, startUs: T0 + 9 * MINUTE, endUs: T0 + 10 * MINUTE, revision: 1, lane: 'live', mode: 'live', commitNumber: 3,
      sourceUs: T0, ingestUs: T0, values: new Float64Array(WIDTH).fill(42), goodFraction: 1, traceId: 'a'.repeat(32),
    }]))
  })
  after(() => place.drop())

  it('come oldest first, each once, over several pages', async () => {
    const windows = await read()
    assert.equal(windows.length, 12_000)
    assert.equal(new Set(windows.map((w) => `${w.assetRef} ${w.endUs}`)).size, 12_000)
    windows.forEach((w, i) => {
      const next = windows[i + 1]
      assert.ok(!next || w.endUs < next.endUs || (w.endUs === next.endUs && w.assetRef < next.assetRef))
    })
  })

  it('in the newest revision that could be known at the commit asked for', async () => {
    const at = async (commitNumber: number) => (await read({ commitNumber })).filter((w) => w.endUs === T0 + 10 * MINUTE && w.assetRef === assets[0]!.assetRef)
    assert.deepEqual((await at(3)).map((w) => [w.revision, w.values[0]]), [[1, 42]])
    assert.deepEqual((await at(2)).map((w) => w.revision), [0])
    assert.equal((await read({ commitNumber: 1 })).length, 6_000)
    assert.equal((await read({ commitNumber: 0 })).length, 0)
  })

  it('the newest of them when there are too many, and only those of the time asked for', async () => {
    const newest = await read({ limit: 7 })
    assert.equal(newest.length, 7)
    assert.equal(newest.at(-1)?.endUs, T0 + 5_999 * MINUTE)
    const span = await read({ fromUs: T0, toUs: T0 + 2 * MINUTE })
    assert.deepEqual(span.map((w) => (w.endUs - T0) / MINUTE), [1, 1, 2, 2])
  })

  it('know what was not normal: accepted labels first, and the time before a failure', async () => {
    await place.addFailure('pump-1', 100, 110)
    await place.addLabel('pump-2', 50, 60)
    const span = { fromUs: T0, toUs: T0 + 6_000 * MINUTE }
    const exclusions = await inPlace((tx) => readExclusions(tx, assets, span, 30 * MINUTE))
    assert.deepEqual(exclusions.map(({ asset, fromUs, toUs, reason }) => [asset, (fromUs - T0) / MINUTE, toUs === null ? null : (toUs - T0) / MINUTE, reason]), [
      ['pump-2', 49, 60, 'label:faulty'], ['pump-1', 69, 110, 'maintenance:failure'],
    ])
    assert.deepEqual(await inPlace((tx) => readFailures(tx, assets, span)), [{ asset: 'pump-1', atUs: T0 + 99 * MINUTE }])
    assert.deepEqual(await inPlace((tx) => readFailures(tx, assets, { fromUs: 0, toUs: T0 })), [])
  })
})
