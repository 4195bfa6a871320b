import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { createTrainingActivities } from '../../../activities/train.ts'
import { modelArtifactKey } from '../../../registry/artifacts/model-object.ts'
import type { Actor } from '../../../registry/domain/access/rights.ts'
import { assetImportSchema } from '../../../registry/domain/contract/hierarchy.ts'
import { featureSetSchema, type FeatureSet } from '../../../registry/domain/features/feature-set.ts'
import { fitCalibration } from '../../../registry/domain/scoring/calibration.ts'
import { copyModelVersion } from '../../../registry/services/copy-model-version.ts'
import { importAssets } from '../../../registry/services/import-assets.ts'
import { registerFeatureSet } from '../../../registry/services/register-feature-set.ts'
import { registerModelVersion } from '../../../registry/services/register-model-version.ts'
import { retrainModel, retrainModelInput } from '../../../registry/services/retrain-model.ts'
import { currentFeatureSet } from '../../../registry/store/feature-sets.ts'
import { insertFeatureWindows } from '../../../registry/store/feature-windows.ts'
import { inSite } from '../../../registry/store/transaction.ts'
import { startTestApi } from '../../helpers/api.ts'
import { useStack } from '../../helpers/stack.ts'
import { admin, createTrainingSite, MINUTE, normalRows, T0, WIDTH, type TrainingSite } from '../../helpers/training.ts'

const HERE = 'plant-1'
const THERE = 'plant-2'
const FAMILY = 'pumps'
const mia: Actor = { id: 'mia', roles: ['ml-engineer'], sites: [HERE, THERE] }
const stranger: Actor = { id: 'tom', roles: ['ml-engineer'], sites: [THERE] }

describe('a family over two sites', () => {
  let place: TrainingSite
  let definition: FeatureSet
  before(async () => {
    place = await createTrainingSite(await useStack())
    definition = (await inSite(place.pool, HERE, (tx) => currentFeatureSet(tx, FAMILY)))!.definition
    await importAssets(place.ctx, admin, assetImportSchema.parse({
      site: { id: THERE, name: 'Other plant' }, areas: [{ id: 'hall', name: 'Hall' }], lines: [{ id: 'line-1', area: 'hall', name: 'Line 1' }],
      assets: [{ id: 'pump-1', name: 'Another pump', class: 'centrifugal-pump', family: FAMILY, line: 'line-1', validFrom: '2020-01-01T00:00:00Z' }],
    }))
    await place.addWindows('pump-1', normalRows(150, 1))
  })
  after(() => place.drop())

  const train = (actor: Actor, more: object) => retrainModel(place.ctx, actor, retrainModelInput.parse({ site: HERE, family: FAMILY, ...more }))
  const steps = () => createTrainingActivities({ ...place.ctx, fit: () => { throw new Error('nothing is fitted here') } })

  it('learns from another site only for those who may read there, where both measure alike', async () => {
    await assert.rejects(train(stranger, { site: THERE, sites: [HERE] }), { code: 'forbidden', message: /tom may not look at data \(read\) at site plant-1/ })
    await assert.rejects(train(mia, { sites: [THERE], assets: ['pump-1'] }), { code: 'invalid' })
    await assert.rejects(train(mia, { sites: [THERE] }), { code: 'unprocessable', message: /plant-2 has no windows of feature set pump-condition v1 as plant-1 has it/ })
  })

  it('keeps machines of one name apart, each site as of its own commit, with its own labels', async () => {
    await registerFeatureSet(place.ctx, admin, { site: THERE, family: FAMILY, definition })
    const { featureSetRef } = (await inSite(place.pool, THERE, (tx) => currentFeatureSet(tx, FAMILY)))!
    await inSite(place.pool, THERE, async (tx) => {
      await tx.query('update site set last_commit = 7 where site_id = $1', [THERE])
      const { rows } = await tx.query<{ asset_ref: number }>('select asset_ref from asset where site_id = $1', [THERE])
      const values = normalRows(60, 2)
      await insertFeatureWindows(tx, THERE, Array.from({ length: 60 }, (_, i) => {
        const endUs = T0 + i * MINUTE
        return {
          assetRef: rows[0]!.asset_ref, featureSetRef, startUs: endUs - MINUTE, endUs, revision: 0, lane: 'live' as const, mode: 'live' as const, commitNumber: i < 50 ? 7 : 8,
          sourceUs: endUs, ingestUs: endUs, values: values.slice(i * WIDTH, (i + 1) * WIDTH), goodFraction: 1, traceId: '0'.repeat(32),
        }
      }))
    })
    await place.addLabel('pump-1', 0, 9)
    const { operationId } = await train(mia, { sites: [THERE, THERE, HERE] })
    const run = { site: HERE, operationId, family: FAMILY, reason: 'both', requestedBy: 'mia' }
    const { dataset, rows } = await steps().snapshotDataset({ ...run, fromUs: 0, toUs: T0 + 1_000 * MINUTE, assets: null, sites: [THERE] })
    assert.equal(rows, 200)
    const { manifest } = (await inSite(place.pool, HERE, async (tx) => (await tx.query<{ manifest: Record<string, unknown> }>('select manifest from dataset where dataset_id = $1', [dataset])).rows))[0]!
    assert.deepEqual(manifest['assets'], ['plant-1/pump-1', 'plant-2/pump-1'])
    assert.deepEqual(manifest['sites'], [{ site: HERE, commitNumber: 1 }, { site: THERE, commitNumber: 7 }])
    assert.deepEqual(manifest['excluded'], { 'label:faulty': 10 })
  })

  it('takes a model over once, with what it needs, and who made it', async () => {
    const bytes = Buffer.from('a model')
    const digest = createHash('sha256').update(bytes).digest('hex')
    await place.objects.put('models', modelArtifactKey(FAMILY, digest), bytes)
    const dataset = (await inSite(place.pool, HERE, async (tx) => (await tx.query<{ dataset_id: string }>('select dataset_id from dataset')).rows))[0]!.dataset_id
    const made = await registerModelVersion(place.ctx, mia, {
      site: HERE, family: FAMILY, name: 'pumps-pca', kind: 'pca', artifactKey: modelArtifactKey(FAMILY, digest), digest, dataset, metrics: {}, card: '# Pumps', runtime: {}, reason: 'test', runId: 'run-1',
      calibration: fitCalibration(Float64Array.from({ length: 100 }, (_, i) => i)),
    })
    const from = { site: HERE, name: made.name, version: made.version }
    const copy = (actor: Actor, more: object = {}) => copyModelVersion(place.ctx, actor, { site: THERE, from, ...more })

    await assert.rejects(copy(stranger), { code: 'forbidden', message: /tom may not look at data \(read\) at site plant-1/ })
    await assert.rejects(copy({ ...mia, roles: ['operator'] }), { code: 'forbidden', message: /register models \(model\.write\) at site plant-2/ })
    await assert.rejects(copyModelVersion(place.ctx, mia, { site: HERE, from }), { code: 'invalid', message: /is of site plant-1 already/ })
    await assert.rejects(copy(mia, { from: { ...from, version: 9 } }), { code: 'not_found', message: /site plant-1 has no version 9 of model pumps-pca/ })
    await assert.rejects(copy(mia, { family: 'fans' }), { code: 'not_found', message: /site plant-2 has no asset family fans; it has pumps/ })

    /** Another model at another site, whose run happens to be called the same. */
    const registerAndCopy = async () => {
      const third = 'plant-4'
      await importAssets(place.ctx, admin, assetImportSchema.parse({
        site: { id: third, name: 'Fourth' }, areas: [{ id: 'hall', name: 'Hall' }], lines: [{ id: 'line-1', area: 'hall', name: 'Line 1' }],
        assets: [{ id: 'pump-1', name: 'A pump', class: 'centrifugal-pump', family: FAMILY, line: 'line-1', validFrom: '2020-01-01T00:00:00Z' }],
      }))
      const { featureSetRef } = await registerFeatureSet(place.ctx, admin, { site: third, family: FAMILY, definition })
      const other = Buffer.from('another model')
      const otherDigest = createHash('sha256').update(other).digest('hex')
      await place.objects.put('models', modelArtifactKey(FAMILY, otherDigest), other)
      const { rows } = await inSite(place.pool, third, (tx) => tx.query<{ dataset_id: string }>(
        `insert into dataset (site_id, family_id, feature_set_ref, digest, manifest_key, manifest, commit_number, row_count, created_by)
         values ($1, $2, $3, $4, 'm', '{}', 0, 1, 'test') returning dataset_id`, [third, FAMILY, featureSetRef, otherDigest]))
      await registerModelVersion(place.ctx, admin, {
        site: third, family: FAMILY, name: 'pumps-pca', kind: 'pca', artifactKey: modelArtifactKey(FAMILY, otherDigest), digest: otherDigest, dataset: rows[0]!.dataset_id, metrics: {},
        card: '# Pumps', runtime: {}, reason: 'test', runId: 'run-1', calibration: made.calibration as never,
      })
      return copyModelVersion(place.ctx, admin, { site: THERE, from: { site: third, name: 'pumps-pca', version: 1 } })
    }
    const copies = await Promise.all([copy(mia), copy(mia), copy(mia)])
    assert.deepEqual(copies.map((each) => each.made).sort(), [false, false, true])
    for (const { digest: same, version, createdBy, copiedFrom, calibration } of copies) {
      assert.deepEqual([same, version, createdBy, copiedFrom, calibration], [digest, 1, 'mia', { ...from, by: 'mia' }, made.calibration])
    }
    const at = (what: string) => inSite(place.pool, THERE, async (tx) => (await tx.query<{ n: string }>(`select count(*) as n from ${what} where site_id = $1`, [THERE])).rows[0]!.n)
    assert.deepEqual([await at('dataset'), await at('model_version'), await at('feature_set'), await at('assignment')], ['1', '1', '1', '0'])
    const [entry] = (await inSite(place.pool, THERE, async (tx) => (await tx.query<{ body: string }>("select body from ledger_entry where kind = 'model.registered' and site_id = $1", [THERE])).rows))
    assert.deepEqual((JSON.parse(entry!.body) as { copiedFrom: unknown }).copiedFrom, { ...from, by: 'mia' })
    await assert.rejects(registerAndCopy(), { code: 'conflict', message: /plant-2 has pumps-pca v1 for family pumps of a run that is called the same \(run-1\); it is another model/ })
    // Back where it came from, it is the one that is there.
    assert.deepEqual((await copyModelVersion(place.ctx, mia, { site: HERE, from: { site: THERE, name: made.name, version: 1 } })).made, false)
  })

  it('over HTTP: learns from two sites, and takes a model over', async () => {
    const { connections } = await useStack()
    const api = await startTestApi({ ...connections, database: { url: place.database.url, migrationUrl: place.database.migrationUrl }, s3: { ...connections.s3, bucketPrefix: place.bucketPrefix } })
    try {
      const asked = await api.call<{ id: string }>(api.adminKey, 'POST', `/v1/operations?site=${HERE}`, { kind: 'retrain-model', family: FAMILY, sites: [THERE] })
      assert.equal(asked.status, 202, asked.text)
      const [request] = await inSite(place.pool, HERE, async (tx) => (await tx.query<{ sites: string[] }>("select request->'input'->'sites' as sites from operation where operation_id = $1", [asked.body.id])).rows)
      assert.deepEqual(request, { sites: [THERE] })
      const copied = await api.call<{ name: string; version: number; made: boolean }>(api.adminKey, 'POST', `/v1/models/copies?site=${THERE}`, { from: { site: HERE, name: 'pumps-pca', version: 1 } })
      assert.deepEqual([copied.status, copied.body.name, copied.body.version, copied.body.made], [201, 'pumps-pca', 1, false])
      const { body } = await api.call<{ copiedFrom: unknown; createdBy: string }>(api.adminKey, 'GET', `/v1/models/pumps-pca/versions/1?site=${THERE}`)
      assert.deepEqual([body.copiedFrom, body.createdBy], [{ site: HERE, name: 'pumps-pca', version: 1, by: 'mia' }, 'mia'])
    } finally {
      await api.stop()
    }
  })

  it('does not take a model over whose feature set means something else here', async () => {
    const other = 'plant-3'
    await importAssets(place.ctx, admin, assetImportSchema.parse({
      site: { id: other, name: 'Third' }, areas: [{ id: 'hall', name: 'Hall' }], lines: [{ id: 'line-1', area: 'hall', name: 'Line 1' }],
      assets: [{ id: 'pump-1', name: 'A pump', class: 'centrifugal-pump', family: FAMILY, line: 'line-1', validFrom: '2020-01-01T00:00:00Z' }],
    }))
    await registerFeatureSet(place.ctx, admin, { site: other, family: FAMILY, definition: featureSetSchema.parse({ ...definition, hopUs: 2 * MINUTE, windowUs: 2 * MINUTE }) })
    await assert.rejects(copyModelVersion(place.ctx, admin, { site: other, from: { site: HERE, name: 'pumps-pca', version: 1 } }), { code: 'already_exists', message: /pump-condition v1 is published with another definition/ })
    assert.equal(await place.count('model_version'), 1)
  })
})
