import { emptySpread, measureAsset, psiOf, type AssetMeasures, type RolloutMeasures } from '../../domain/rollout/measures.ts'
import { featureSetDefinitions, releaseDefinitions, type ReleaseDefinition } from '../../store/judging-definitions.ts'
import { closingLatencySince, falseAlarmsSince, readStageScores } from '../../store/rollout-scores.ts'
import { assetsOfScope, type RolloutRow } from '../../store/rollouts.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import { signalsOf } from '../back-test/stored-slice.ts'
import type { ServiceContext } from '../context.ts'

/** Machines looked at together: a fleet is never held at once, and no look at the store lasts long. */
const AT_ONCE = 50

/** What the windows of a rollout's stage say so far. Only reads. */
export async function measureRollout(ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, rollout: RolloutRow, progress: () => void): Promise<RolloutMeasures> {
  const { site, plan, stageSinceUs } = rollout
  const { assets, own, former, latency } = await inSite(ctx.pool, site, async (tx) => {
    const definitions = await releaseDefinitions(tx, [rollout.releaseRef, ...rollout.former ? [rollout.former.releaseRef] : []])
    return {
      assets: (await assetsOfScope(tx, rollout, ctx.nowUs())).filter(({ judgedOtherwise }) => judgedOtherwise === null),
      own: await sideOf(tx, definitions, rollout.releaseRef), former: rollout.former && await sideOf(tx, definitions, rollout.former.releaseRef),
      latency: await closingLatencySince(tx, site, stageSinceUs),
    }
  })
  const spread = emptySpread()
  const measured: AssetMeasures[] = []
  const rules = { policy: own.release.policy, championPolicy: former?.release.policy ?? null, goodFraction: plan.guards.dataQuality?.goodFraction ?? 0 }
  for (let from = 0; from < assets.length; from += AT_ONCE) {
    const group = assets.slice(from, from + AT_ONCE)
    const assetRefs = group.map(({ assetRef }) => assetRef)
    // One look at both: a window that is closed meanwhile is seen of both or of neither.
    const { mine, theirs, called } = await inSite(ctx.pool, site, async (tx) => ({
      mine: await readSide(tx, own, assetRefs, rollout), theirs: former && await readSide(tx, former, assetRefs, rollout),
      called: await falseAlarmsSince(tx, assetRefs, rollout.releaseRef, stageSinceUs),
    }), { snapshot: true })
    for (const { asset, assetRef } of group) {
      measured.push(measureAsset({ asset, release: mine.get(assetRef) ?? null, champion: theirs?.get(assetRef) ?? null, falseAlarms: called.get(assetRef) ?? 0 }, rules, spread))
    }
    progress()
  }
  return { assets: measured, psi: psiOf(spread), latencyP95Seconds: latency }
}

interface Side { readonly release: ReleaseDefinition; readonly featureNames: readonly string[] }

async function sideOf(tx: Tx, definitions: readonly ReleaseDefinition[], releaseRef: number): Promise<Side> {
  const release = definitions.find((definition) => definition.releaseRef === releaseRef)
  if (release === undefined) throw new Error(`release ${releaseRef} is gone`)
  const [set] = await featureSetDefinitions(tx, [release.featureSetRef])
  return { release, featureNames: set?.set.features.map(({ name }) => name) ?? [] }
}

const readSide = (tx: Tx, { release, featureNames }: Side, assetRefs: readonly number[], { stageAfter }: RolloutRow) =>
  readStageScores(tx, { assetRefs, releaseRef: release.releaseRef, after: stageAfter, signals: signalsOf([release.policy]), featureNames })
