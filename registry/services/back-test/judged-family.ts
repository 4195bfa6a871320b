import type { AssetSeries } from '../../domain/evaluation/fold-columns.ts'
import type { ComparisonContext } from '../../domain/evaluation/compare-runs.ts'
import type { AssetEvent } from '../../domain/evaluation/lead-time.ts'
import { refuse } from '../../domain/errors.ts'
import { watchedFeature, type Policy } from '../../domain/policy/policy.ts'
import { currentAssignment, type Scope } from '../../store/assignments.ts'
import { getFamily } from '../../store/families.ts'
import { featureSetDefinitions, releaseDefinitions, type ReleaseDefinition } from '../../store/judging-definitions.ts'
import { acceptedLabels, assetsInScope, type SliceAsset } from '../../store/judged-slice.ts'
import { newestCommit, readFailures } from '../../store/training-windows.ts'
import type { Tx } from '../../store/transaction.ts'
import { readStoredSlice } from './stored-slice.ts'

const DAY_US = 86_400_000_000

export interface JudgedFamilyQuery {
  readonly site: string
  readonly family: string
  readonly scope?: Scope | undefined
  /** Absent: as the family's governance says. */
  readonly days?: number | undefined
  /** Another policy to be tried; what it watches is read too. */
  readonly candidate?: Policy | undefined
}

/** What the release in force has said over the last days, and what that is to be judged against. */
export interface JudgedFamily {
  readonly commitNumber: number
  readonly release: ReleaseDefinition
  readonly scope: Scope
  readonly assets: readonly SliceAsset[]
  readonly series: readonly AssetSeries[]
  readonly failures: readonly AssetEvent[]
  readonly context: Omit<ComparisonContext, 'listed'>
}

/**
 * Reads it, as of now. Refuses (`not_found`) an unknown family, (`unprocessable`) one without a champion over the scope
 * and a candidate that watches what nobody computes, and (`insufficient_data`) a champion that has not scored yet.
 */
export async function readJudgedFamily(tx: Tx, { site, family, days, candidate, ...query }: JudgedFamilyQuery): Promise<JudgedFamily> {
  const { governance: { backTest } } = await getFamily(tx, site, family)
  const scope = query.scope ?? { kind: 'family' as const, id: family }
  const current = await currentAssignment(tx, { site, family, role: 'champion', scope })
    ?? refuse('unprocessable', `no champion is in force over ${scope.kind} ${scope.id}, so there are no scores to try a policy on; promote a release first`, { family })
  const [release] = await releaseDefinitions(tx, [current.releaseRef])
  if (release === undefined) throw new Error(`release ${current.release} of family ${family} is gone`)
  const [set] = await featureSetDefinitions(tx, [release.featureSetRef])
  const featureNames = set?.set.features.map(({ name }) => name) ?? []
  const unknown = candidate?.rules.find((rule) => {
    const watched = watchedFeature(rule)
    return watched !== undefined && !featureNames.includes(watched)
  })
  if (unknown !== undefined) {
    refuse('unprocessable', `rule ${unknown.id} watches ${unknown.signal}, which the feature set of ${current.release} does not have; it has ${featureNames.slice(0, 20).join(', ')}`, {
      rule: unknown.id, signal: unknown.signal,
    })
  }
  const assets = await assetsInScope(tx, family, scope)
  const commitNumber = await newestCommit(tx)
  const stored = await readStoredSlice(tx, {
    assets, modelVersionRef: release.model.modelVersionRef, featureNames, policies: [release.policy, ...candidate ? [candidate] : []],
    spanUs: (days ?? backTest.days) * DAY_US, commitNumber,
  }) ?? refuse('insufficient_data', `${current.release} has not scored any window of ${scope.kind} ${scope.id} yet; try again when it has judged for a while`, { family })
  const { series, fromUs, toUs } = stored
  return {
    commitNumber, release, scope, assets, series,
    failures: await readFailures(tx, assets, { fromUs, toUs: toUs + 1 }),
    context: {
      span: { fromUs, toUs }, owners: new Map(assets.map(({ assetId, owner }) => [assetId, owner])), labels: await acceptedLabels(tx, assets, { fromUs, toUs }), costs: backTest.costs,
    },
  }
}

export interface SliceView { readonly from: string; readonly to: string; readonly assets: readonly string[]; readonly windows: number }
