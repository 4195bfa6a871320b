import type { OpenBundle } from '../../registry/domain/bundle/open.ts'
import type { DecisionState } from '../../registry/domain/policy/decide.ts'
import { createAssetJudge, type AssetJudge, type JudgeState, type LocalScore } from './asset-judge.ts'
import type { Fed } from './feed.ts'

/** Judges every machine of a gateway that has a release. */
export interface BoxJudge {
  /** Tags that some release looks at. */
  readonly tags: () => ReadonlySet<string>
  /** By machine. */
  readonly bundles: () => ReadonlyMap<string, OpenBundle>
  /** These judge from now on; a machine that is not among them is judged no more. What is unchanged does not notice. */
  load(bundles: ReadonlyMap<string, OpenBundle>): void
  /** In window order for each machine. */
  judge(fed: Fed): LocalScore[]
  /** Where a machine's rules stand; null: nothing has been decided. */
  rules(asset: string): DecisionState | null
  state(): BoxJudgeState
}

/** Plain JSON, by machine. */
export type BoxJudgeState = Readonly<Record<string, JudgeState>>

export function createBoxJudge(node: string, former: BoxJudgeState = {}): BoxJudge {
  // Each is gone on with once: a machine that was let go of and comes back begins anew.
  const left = new Map(Object.entries(former))
  const judges = new Map<string, { readonly bundle: OpenBundle; readonly judge: AssetJudge }>()
  let tags: ReadonlySet<string> = new Set()
  let bundles: ReadonlyMap<string, OpenBundle> = new Map()

  function judgeOf(asset: string, bundle: OpenBundle): AssetJudge {
    const former = judges.get(asset)
    if (former?.bundle.digest === bundle.digest) return former.judge
    return createAssetJudge({ bundle, asset, node, ...(former ? { after: former.judge.handOver() } : { state: left.get(asset) }) })
  }

  return {
    tags: () => tags,
    bundles: () => bundles,
    load(given) {
      const next = [...given].map(([asset, bundle]) => [asset, { bundle, judge: judgeOf(asset, bundle) }] as const)
      judges.clear()
      left.clear()
      for (const [asset, one] of next) judges.set(asset, one)
      tags = new Set([...judges.values()].flatMap(({ judge }) => [...judge.tags]))
      bundles = new Map(given)
    },
    judge({ readings, waveforms, completeThroughUs }) {
      return [...judges.values()].flatMap(({ judge }) => {
        judge.take(readings.filter(({ tag }) => judge.tags.has(tag)), waveforms.filter(({ tag }) => judge.tags.has(tag)))
        return completeThroughUs === null ? [] : judge.closeThrough(completeThroughUs)
      })
    },
    rules: (asset) => judges.get(asset)?.judge.state().rules ?? null,
    state: () => Object.fromEntries([...judges].map(([asset, { judge }]) => [asset, judge.state()])),
  }
}
