import assert from 'node:assert/strict'
import { createModelCache } from '../../activities/models/load-model.ts'
import { createReplayScorer } from '../../activities/windows/replay-scorer.ts'
import type { ReplayDeps } from '../../registry/services/replay/replay-score.ts'
import { createJudgingSite, S, series, T0, type JudgingSite } from './judging.ts'

export interface WornSite {
  readonly site: JudgingSite
  readonly release: string
  /** Raised the alert. */
  readonly scoreId: string
  readonly alertId: string
  readonly deps: ReplayDeps
}

/** A site whose first pump wears out at second 30: an alert, and the score that raised it. Other pumps stay well. */
export async function createWornSite(policy: Parameters<JudgingSite['release']>[0] = {}, assets = 1): Promise<WornSite> {
  const site = await createJudgingSite({ assets })
  const release = await site.release(policy)
  await site.assign(release)
  for (let i = 0; i < 4; i++) {
    const [from, to] = [i * 13, i * 13 + 13]
    await site.close(await site.commit({
      series: Array.from({ length: assets }, (_, n) => [
        series(`pump-${n + 1}/vibration`, from, to, (s) => (n > 0 || s < 30 ? Math.sin(s + n) : 9 + Math.sin(s))), series(`pump-${n + 1}/temperature`, from, to, () => 40),
      ]).flat(),
      completeThroughUs: T0 + to * S,
    }))
  }
  const [alert] = await site.asOwner<{ alert_id: string; raised_score_id: string }>('select alert_id, raised_score_id from alert')
  assert.ok(alert, 'the wear raised an alert')
  return { site, release, scoreId: alert.raised_score_id, alertId: alert.alert_id, deps: { ...site.ctx, scorer: createReplayScorer(createModelCache(site.objects)) } }
}

/** As the owner, past every guard: what replay is there to find. */
export const tamper = async (site: JudgingSite, table: string, sql: string): Promise<void> => {
  await site.asOwner(`alter table ${table} disable trigger user`)
  await site.asOwner(sql)
  await site.asOwner(`alter table ${table} enable trigger user`)
}
