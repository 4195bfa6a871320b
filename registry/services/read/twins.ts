import { demand, type Actor } from '../../domain/access/rights.ts'
import type { Lane } from '../../domain/contract/batch.ts'
import { qualityLevel, type QualityLevel } from '../../domain/contract/quality.ts'
import type { Severity } from '../../domain/contract/scored-event.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import type { PolicyRule } from '../../domain/policy/policy.ts'
import { healthOf, ruleCloseness, surpriseOf, type RuleCloseness } from '../../domain/twin/health.ts'
import { answerQuestions, type Questions } from '../../domain/twin/questions.ts'
import { timeToReach, trendOf, type Trend } from '../../domain/twin/trend.ts'
import { featureSetDefinitions, releaseDefinitions, type ReleaseDefinition } from '../../store/judging-definitions.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { gapsOfAsset, type GapView } from './gaps.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { isoOrNull } from './rows.ts'
import { newestConfidences, newestReadings, scoreBuckets, twinRows, type TwinRow } from './twin-rows.ts'

export interface TwinSummary {
  readonly site: string
  readonly asset: string
  readonly name: string
  readonly class: string
  readonly family: string
  readonly line: string
  readonly owner: string | null
  readonly criticality: string
  readonly health: number | null
  readonly score: number | null
  readonly confidence: number | null
  readonly scoreId: string | null
  readonly scoredAt: string | null
  /** How far apart windows are while data comes. */
  readonly hopSeconds: number | null
  /** `backfill`: known from imported history alone, nothing live was scored yet. */
  readonly lane: Lane | null
  readonly severity: Severity | null
  readonly openAlerts: number
  readonly trend: readonly (number | null)[]
}

export interface TwinTag {
  readonly tag: string
  readonly role: string
  readonly kind: 'scalar' | 'waveform'
  readonly unit: string
  readonly value: number | null
  readonly quality: QualityLevel | null
  readonly at: string | null
  /** Its oldest reading. */
  readonly firstAt: string | null
}

export interface Twin extends TwinSummary {
  readonly release: string | null
  readonly model: { readonly name: string; readonly version: number } | null
  readonly rules: readonly (Omit<PolicyRule, 'failureMode'> & { readonly failureMode: string | null; readonly value: number | null; readonly state: string })[]
  readonly drift: Trend & { readonly reachesRaiseAt: string | null }
  readonly likely: readonly RuleCloseness[]
  readonly drivers: readonly { readonly feature: string; readonly share: number }[]
  readonly questions: Questions
  readonly tags: readonly TwinTag[]
  /** What is missing: open gaps, then those of the last week. */
  readonly gaps: readonly GapView[]
}

/** Newest windows shown as a sparkline. */
const SPARK = 48
/** The trend looks at a week of event time before the newest window, in intervals of three and a half hours. */
const TREND_US = 7 * 86_400_000_000
const TREND_POINTS = 48

/** Every machine that stands now, by site and id: how it is and what is open about it. `site` may be `*`. */
export async function listTwins(
  ctx: ServiceContext, actor: Actor, input: PageInput & { site: string; family?: string | undefined },
): Promise<Page<TwinSummary>> {
  demand(actor, 'read', input.site)
  const after = decodeCursor(input.cursor, ['string', 'string'])
  return inSite(ctx.pool, input.site, async (tx) => {
    const rows = await twinRows(tx, { family: input.family }, after, input.limit + 1)
    const [releases, sparks] = [await releasesOf(tx, rows), await newestConfidences(tx, rows.map((row) => row.asset_ref), SPARK)]
    return toPage(rows, input.limit, (row) => summaryOf(row, releases, sparks), (row) => [row.site_id, row.asset_id])
  })
}

/** One machine as it stands, with the four answers. Refuses (`not_found`) what does not stand at the site now. */
export async function getTwin(ctx: ServiceContext, actor: Actor, input: { site: string; asset: string }): Promise<Twin> {
  demand(actor, 'read', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const [row] = await twinRows(tx, { asset: input.asset }, [], 1)
    if (!row) return refuse('not_found', `no asset ${input.asset} stands at site ${input.site} now; GET /v1/assets lists what does`, { asset: input.asset })
    const releases = await releasesOf(tx, [row])
    const summary = summaryOf(row, releases, await newestConfidences(tx, [row.asset_ref], SPARK))
    const release = row.release_ref === null ? undefined : releases.get(row.release_ref)
    const policyRules = release?.policy.rules ?? []
    const closeness = row.decision ? ruleCloseness(policyRules, row.decision) : []
    const newestUs = row.window_end_us === null ? null : Number(row.window_end_us)
    const trend = newestUs === null ? trendOf([]) : await surpriseTrend(tx, row.asset_ref, newestUs)
    const raiseAt = surpriseLevel(policyRules)
    const reaches = raiseAt === null ? null : timeToReach(trend, raiseAt)
    const reachesUs = reaches === null || newestUs === null ? null : newestUs + reaches
    return {
      ...summary,
      release: release?.releaseId ?? null,
      model: release ? { name: release.model.name, version: release.model.version } : null,
      rules: rulesOf(policyRules, row),
      drift: { ...trend, reachesRaiseAt: reachesUs === null ? null : microsToIso(reachesUs) },
      likely: closeness,
      drivers: row.contributions ?? [],
      questions: answerQuestions({
        trend, newestUs, reachesUs, closeness, drivers: row.contributions ?? [], decision: row.decision,
        openAlerts: row.open_alerts, nextPlannedStop: row.business.schedule?.nextPlannedStop ?? null,
      }),
      gaps: await gapsOfAsset(tx, input.site, row.asset_ref, ctx.nowUs()),
      tags: (await newestReadings(tx, row.asset_ref)).map((tag) => ({
        tag: tag.tag_key, role: tag.role, kind: tag.kind, unit: tag.canonical_unit,
        value: tag.value === null || Number.isNaN(tag.value) ? null : tag.value,
        quality: tag.quality === null ? null : qualityLevel(tag.quality),
        at: isoOrNull(tag.at_us), firstAt: isoOrNull(tag.first_us),
      })),
    }
  })
}

export interface TwinTrendPoint {
  readonly from: string
  readonly windows: number
  readonly confidence: { readonly median: number | null; readonly max: number | null }
  readonly score: { readonly min: number | null; readonly median: number | null; readonly max: number | null }
}

/**
 * The champion's scores of one machine over event time, in at most `points` equal intervals. Without times: all there
 * is up to the newest window. Intervals without a window are left out.
 */
export async function twinTrend(
  ctx: ServiceContext, actor: Actor, input: { site: string; asset: string; fromUs?: number | undefined; toUs?: number | undefined; points: number },
): Promise<{ items: TwinTrendPoint[]; nextCursor: null; bucketUs: number }> {
  demand(actor, 'read', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const { rows } = await tx.query<{ asset_ref: number; first_us: string | null; last_us: string | null }>(
      `select a.asset_ref, (extract(epoch from (select min(window_end) from score where asset_ref = a.asset_ref)) * 1000000)::bigint as first_us,
              (extract(epoch from (select max(window_end) from score where asset_ref = a.asset_ref)) * 1000000)::bigint as last_us
       from asset a where a.site_id = $1 and a.asset_id = $2`,
      [input.site, input.asset],
    )
    const row = rows[0]
    if (!row) return refuse('not_found', `site ${input.site} has no asset ${input.asset}`, { asset: input.asset })
    const fromUs = input.fromUs ?? Number(row.first_us ?? 0)
    const toUs = input.toUs ?? Number(row.last_us ?? 0) + 1
    if (toUs <= fromUs) return { items: [], nextCursor: null, bucketUs: 1 }
    const bucketUs = Math.max(1, Math.ceil((toUs - fromUs) / input.points))
    const buckets = await scoreBuckets(tx, row.asset_ref, fromUs, toUs, bucketUs)
    return {
      bucketUs, nextCursor: null,
      items: buckets.map((b) => ({
        from: microsToIso(b.startUs), windows: b.windows,
        confidence: { median: b.confidenceMedian, max: b.confidenceMax },
        score: { min: b.scoreMin, median: b.scoreMedian, max: b.scoreMax },
      })),
    }
  })
}

type Judge = ReleaseDefinition & { readonly hopUs: number }

async function releasesOf(tx: Tx, rows: readonly TwinRow[]): Promise<Map<number, Judge>> {
  const refs = [...new Set(rows.flatMap((row) => (row.release_ref === null ? [] : [row.release_ref])))]
  const releases = await releaseDefinitions(tx, refs)
  const sets = await featureSetDefinitions(tx, [...new Set(releases.map(({ featureSetRef }) => featureSetRef))])
  const hops = new Map(sets.map(({ featureSetRef, set }) => [featureSetRef, set.hopUs]))
  return new Map(releases.map((release) => [release.releaseRef, { ...release, hopUs: hops.get(release.featureSetRef) ?? 0 }]))
}

function summaryOf(row: TwinRow, releases: ReadonlyMap<number, Judge>, sparks: ReadonlyMap<number, (number | null)[]>): TwinSummary {
  const release = row.release_ref === null ? undefined : releases.get(row.release_ref)
  const rules = release?.policy.rules ?? []
  return {
    site: row.site_id, asset: row.asset_id, name: row.name, class: row.class, family: row.family_id, line: row.line_id, owner: row.owner_id,
    criticality: row.business.criticality ?? 'medium',
    health: row.decision ? healthOf(ruleCloseness(rules, row.decision)) : null,
    score: row.score, confidence: row.confidence, scoreId: row.score_id,
    scoredAt: row.window_end_us === null ? null : microsToIso(Number(row.window_end_us)),
    hopSeconds: release === undefined ? null : release.hopUs / 1_000_000, lane: row.lane, severity: row.severity, openAlerts: row.open_alerts, trend: sparks.get(row.asset_ref) ?? [],
  }
}

async function surpriseTrend(tx: Tx, assetRef: number, newestUs: number): Promise<Trend> {
  const bucketUs = TREND_US / TREND_POINTS
  const buckets = await scoreBuckets(tx, assetRef, newestUs - TREND_US + 1, newestUs + 1, bucketUs)
  return trendOf(buckets.flatMap((bucket) => (bucket.confidenceMedian === null ? []
    : [{ timeUs: bucket.startUs + bucketUs / 2, value: surpriseOf(bucket.confidenceMedian) }])))
}

/** The first level, in surprise, at which a rule on confidence raises; null when the policy has none. */
function surpriseLevel(rules: readonly PolicyRule[]): number | null {
  const levels = rules.filter((rule) => rule.signal === 'confidence' && rule.comparison === 'above').map((rule) => surpriseOf(rule.raiseAt))
  return levels.length === 0 ? null : Math.min(...levels)
}

function rulesOf(rules: readonly PolicyRule[], row: TwinRow): Twin['rules'] {
  return rules.map((rule) => {
    const decided = row.decision?.rules.find((one) => one.ruleId === rule.id)
    return { ...rule, failureMode: rule.failureMode ?? null, value: decided?.value ?? null, state: decided?.state ?? 'normal' }
  })
}
