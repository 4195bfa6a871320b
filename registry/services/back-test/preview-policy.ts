import { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { runBackTest } from '../../domain/evaluation/back-test.ts'
import { compareRuns } from '../../domain/evaluation/compare-runs.ts'
import { policySchema, type PolicyRule } from '../../domain/policy/policy.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { readJudgedFamily, type JudgedFamily, type SliceView } from './judged-family.ts'
import { scopeSchema } from '../gates/request-promotion.ts'
import { linkChanges, type LinkedComparison } from './stored-slice.ts'

export const backTestDaysSchema = z.int().min(1).max(3650).optional().describe('Days back from the newest score; absent: as the family’s governance says')

export const previewPolicyInput = z.object({
  site: slugSchema, family: slugSchema, scope: scopeSchema.optional().describe('Absent: the whole family'), days: backTestDaysSchema, definition: policySchema,
})
export type PreviewPolicyInput = z.infer<typeof previewPolicyInput>

export interface PolicyPreview {
  readonly family: string
  /** The release in force, by whose stored scores both policies are folded. */
  readonly release: string
  readonly commitNumber: number
  readonly slice: SliceView
  readonly before: { readonly version: number; readonly rules: readonly PolicyRule[] }
  readonly comparison: LinkedComparison
}

/** Changes of each kind that a screen can show. */
const LISTED = 1000

/** What a policy would have said over the scores of the release in force, without registering anything. Refuses as `readJudgedFamily` does. */
export async function previewPolicy(ctx: Pick<ServiceContext, 'pool'>, actor: Actor, { definition, ...input }: PreviewPolicyInput): Promise<PolicyPreview> {
  demand(actor, 'policy.write', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const judged = await readJudgedFamily(tx, { ...input, candidate: definition })
    const { series, failures, release } = judged
    const [before, after] = [release.policy, definition].map((policy) => runBackTest({ series, policy, failures })) as [ReturnType<typeof runBackTest>, ReturnType<typeof runBackTest>]
    const comparison = compareRuns(before, after, { ...judged.context, listed: LISTED })
    const model = release.model.modelVersionRef
    return {
      family: input.family, release: release.releaseId, commitNumber: judged.commitNumber, slice: sliceView(judged),
      before: { version: release.policy.version, rules: release.policy.rules },
      comparison: await linkChanges(tx, comparison, judged.assets, { before: model, after: model }),
    }
  }, { snapshot: true })
}

export const sliceView = ({ context: { span }, assets, series }: JudgedFamily): SliceView => ({
  from: microsToIso(span.fromUs), to: microsToIso(span.toUs), assets: assets.map(({ assetId }) => assetId),
  windows: series.reduce((sum, { columns }) => sum + columns.endUs.length, 0),
})
