import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { createAssetJudge } from '../../../edge/judge/asset-judge.ts'
import type { TagReadings } from '../../../edge/judge/recent-readings.ts'
import type { Actor } from '../../../registry/domain/access/rights.ts'
import { openBundle } from '../../../registry/domain/bundle/open.ts'
import type { Decision } from '../../../registry/domain/policy/decide.ts'
import { firstDifference } from '../../../registry/domain/replay/compare.ts'
import { exportBundle, type ExportedBundle } from '../../../registry/services/export-bundle.ts'
import { newSigner } from '../../helpers/bundles.ts'
import { admin, createJudgingSite, S, series, T0, type JudgingSite, type Series } from '../../helpers/judging.ts'

const signer = newSigner()
const key = createPublicKey(signer.publicKey)

describe('a release exported for a gateway', () => {
  let site: JudgingSite
  let release = ''
  const sent: Series[] = []
  const open = ({ bytes }: ExportedBundle) => openBundle(bytes, (keyId, body, signature) => (keyId === signer.keyId && verify(null, body, key, signature) ? 'good' : 'bad'))
  const exported = (assets = ['pump-1'], which = release, actor: Actor = admin) =>
    exportBundle({ ...site.ctx, signer, node: process.version }, actor, { site: site.site, release: which, assets })

  before(async () => {
    site = await createJudgingSite({ assets: 2 })
    release = await site.release()
    await site.assign(release)
    const vibration = (second: number) => Math.sin(second * 1.7) + (second >= 40 && second < 95 ? 8 : 0)
    for (let from = 0; from < 200; from += 23) {
      const mine = [series('pump-1/vibration', from, from + 23, vibration), series('pump-1/temperature', from, from + 23, (second) => 40 + Math.cos(second / 7))]
      sent.push(...mine)
      await site.close(await site.commit({ series: mine, completeThroughUs: T0 + (from + 23) * S }))
    }
  })
  after(async () => { await site.drop() })

  it('judges at the gateway as the platform judged: every stored score and decision, to the bit', async () => {
    const judge = createAssetJudge({ bundle: open(await exported()), asset: 'pump-1', node: process.version })
    const local = sent.flatMap(({ tag, timesUs, values }) => {
      judge.take([{ tag, timesUs: Float64Array.from(timesUs), values: Float64Array.from(values), quality: null } satisfies TagReadings])
      return tag === 'pump-1/temperature' ? judge.closeThrough((timesUs.at(-1) ?? 0) + S) : []
    })
    const stored = await site.asOwner<{ end_us: string; feature_values: number[]; score: number; confidence: number; decision: Decision | null }>(
      `select (extract(epoch from w.window_end) * 1000000)::bigint as end_us, w.feature_values, s.score, s.confidence, s.decision
       from score s join feature_window w using (window_id) where s.role = 'champion' order by w.window_end`)
    assert.deepEqual(local.map(({ window }) => window.endUs), stored.map(({ end_us }) => Number(end_us)))
    assert.ok(local.some(({ decision }) => decision?.rules.some(({ transition }) => transition === 'raised')) && local.some(({ decision }) => decision?.rules.some(({ transition }) => transition === 'cleared')))
    stored.forEach(({ feature_values: features, score, confidence, decision }, i) => {
      const mine = local[i]!
      assert.equal(mine.replay.class, 'exact')
      assert.equal(firstDifference(judgeNames, { features, score, confidence, decision }, mine, null), null)
    })
  })
  const judgeNames = ['mean', 'std', 'max'].flatMap((kind) => ['vibration', 'temperature'].map((role) => `${role}_${kind}`))

  it('is a new issue each time, with its audit entry', async () => {
    const [first, second] = [await exported(), await exported(['pump-2', 'pump-1', 'pump-2'])]
    assert.ok(second.manifest.issue.number > first.manifest.issue.number)
    assert.deepEqual(second.manifest.assets, ['pump-1', 'pump-2'])
    assert.deepEqual(open(second).manifest, second.manifest)
    const audited = await site.asOwner<{ audit_id: string; actor_id: string; subject: string; detail: { assets: string[] } }>("select * from audit_entry where verb = 'export-bundle' order by audit_id desc limit 1")
    assert.deepEqual([Number(audited[0]?.audit_id), audited[0]?.actor_id, audited[0]?.subject, audited[0]?.detail.assets], [second.manifest.issue.number, admin.id, `release/${release}`, ['pump-1', 'pump-2']])
  })

  it('is refused for what is not in force there, what is not there, without the right, and with another model than the registered one', async () => {
    const other = await site.release({ rules: [{ id: 'other', signal: 'score', comparison: 'above', raiseAt: 9, clearAt: 8, severity: 'low', recommendedAction: 'Look.' }] })
    await assert.rejects(exported(['pump-1'], other), { code: 'conflict', message: /not the champion of pump-1.*promotion/ })
    await site.assign(other, 'challenger')
    await assert.rejects(exported(['pump-1'], other), { code: 'conflict' })
    await assert.rejects(exported(['pump-9']), { code: 'not_found' })
    await assert.rejects(exported(['pump-1'], 'pumps-r99'), { code: 'not_found' })
    await assert.rejects(exported(['pump-1'], release, { id: 'omar', roles: ['operator'], sites: '*' }), { code: 'forbidden' })
    const before = await site.asOwner("select from audit_entry where verb = 'export-bundle'")
    const [{ artifact_key: place } = { artifact_key: '' }] = await site.asOwner<{ artifact_key: string }>('select m.artifact_key from model_version m join release r using (model_version_ref) where r.release_id = $1', [release])
    const get: JudgingSite['objects']['get'] = async (bucket, name) => (name === place ? new Uint8Array(9) : site.objects.get(bucket, name))
    await assert.rejects(exportBundle({ ...site.ctx, objects: { ...site.objects, get }, signer, node: process.version }, admin, { site: site.site, release, assets: ['pump-1'] }), { code: 'digest_mismatch' })
    assert.equal((await site.asOwner("select from audit_entry where verb = 'export-bundle'")).length, before.length, 'what was refused was not issued')
  })
})
