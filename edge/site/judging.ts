import { statSync } from 'node:fs'
import path from 'node:path'
import type { Logger } from 'pino'
import { z } from 'zod'
import type { JudgingReport, LastJudged } from '../../registry/domain/contract/gateway-report.ts'
import type { JudgedWindow } from '../../registry/domain/contract/judged-window.ts'
import type { Place } from '../../registry/domain/bundle/admit.ts'
import type { AlarmBook } from '../alarms/alarm-book.ts'
import { createBell } from '../bell.ts'
import type { DurableBuffer } from '../buffer/buffer.ts'
import type { ActiveSource } from '../claims.ts'
import type { LocalScore } from '../judge/asset-judge.ts'
import { createBoxJudge, type BoxJudge, type BoxJudgeState } from '../judge/box-judge.ts'
import type { BundleStore } from '../judge/bundle-store.ts'
import { createJudgeFeed, type FeedState, type JudgeFeed } from '../judge/feed.ts'
import { alarmChanges, alarmsMissing, type AlarmChange } from '../judge/judged-alarms.ts'
import { namesIn } from '../put-durably.ts'
import { createScoreLog, logPlaceSchema, type LogPlace, type LoggedWindow } from '../judge/score-log.ts'
import type { RawReader } from '../raw-reader.ts'
import type { RawBlock } from '../raw-entry.ts'
import type { SitePlan } from './plan.ts'
import type { Troubles } from './status.ts'

/** The releases of a gateway at work: what is delivered is judged, alarms are raised, windows are noted. */
export interface SiteJudging {
  /** What a source delivered, once it is on disk. */
  take(kept: readonly RawBlock[]): void
  /** Looks at once whether other bundles are installed. */
  look(): void
  run(signal: AbortSignal): Promise<void>
  report(): JudgingReport
  /** Windows the platform has not confirmed, oldest first. */
  untold(limit: number): Promise<JudgedWindow[]>
  /** The platform has taken those that {@link untold} gave through this one; true: more wait. */
  confirm(last: LastJudged): Promise<boolean>
  machines(): MachineJudgement[]
}

/** How a machine stands by its release, for the box's page. */
export interface MachineJudgement {
  readonly asset: string
  readonly release: string
  readonly issue: number
  readonly last: Pick<JudgedWindow, 'endUs' | 'score' | 'confidence' | 'fired'> | null
  /** Confidence of the last windows, oldest first; null where there was none. */
  readonly trend: readonly (number | null)[]
}

export interface SiteJudgingOptions {
  readonly plan: () => SitePlan
  readonly buffer: DurableBuffer
  readonly store: BundleStore
  readonly reader: RawReader
  readonly sources: () => readonly ActiveSource[]
  readonly book: Pick<AlarmBook, 'raise' | 'clear' | 'standingAll'>
  readonly troubles: Troubles
  readonly nowUs: () => number
  readonly node: string
  readonly log: Logger
  /** Something is to be told to the platform. */
  readonly onChange: () => void
}

/** Deliveries are judged together for so long: one reading at a time would cost more than all the rest. */
const TOGETHER_MS = 200
const LOOK_EVERY_MS = 5_000
const PRUNE_EVERY_MS = 3_600_000
const TREND = 120
const MOST_UNNOTED = 5_000
const FEW = 20
const STATE = 'judge'
const TOLD = 'judge-told'

interface Kept { readonly feed: FeedState; readonly assets: BoxJudgeState }

export const judgeFolder = (directory: string): string => path.join(directory, 'judge')

/** The machines and tags that a plan reads. */
export function placeOf({ site, sources }: Pick<SitePlan, 'site' | 'sources'>): Place {
  const tags = new Set(sources.flatMap(({ map }) => map.tags.map(({ tag }) => tag)))
  return { site, tags, assets: new Set([...tags].map((tag) => tag.slice(0, tag.indexOf('/')))) }
}

export function createSiteJudging({ plan, buffer, store, reader, sources, book, troubles, nowUs, node, log, onChange }: SiteJudgingOptions): SiteJudging {
  const folder = judgeFolder(plan().buffer.directory)
  const scores = createScoreLog(path.join(folder, 'scores'), nowUs)
  const bell = createBell()
  const trends = new Map<string, { last: JudgedWindow; trend: (number | null)[] }>()
  let judge: BoxJudge
  let feed: JudgeFeed
  let installed = ''
  /** Other bundles judge than when the book was last held against their rules. */
  let unsettled = true
  let lookedMs = -Infinity
  let prunedMs = -Infinity
  let offered: LoggedWindow[] = []
  /** Reports in a row after which the platform had come to none of them. */
  let vain = 0
  /** Judged, and not on disk yet. */
  let unnoted: JudgedWindow[] = []
  let told: LogPlace | null = logPlaceSchema.nullable().catch(null).parse(buffer.record('facts', TOLD) ?? null)

  /** As the last cut of judging left it: after a start, and after a mistake of ours. */
  function begin(): void {
    const kept = keptState(buffer)
    judge = createBoxJudge(node, kept?.assets)
    feed = createJudgeFeed({ sources, normaliser: (digest) => reader.normaliser(digest), state: kept?.feed })
    installed = ''
    reload()
  }

  /** Bundles come by the uplink or by `edge install`, another process: the folder alone says what is there. False: what judges is what did. */
  function reload(): boolean {
    lookedMs = performance.now()
    try {
      const { assets } = placeOf(plan())
      const keys = path.join(folder, 'keys')
      const there = [...namesIn(path.join(folder, 'bundles')), ...namesIn(keys).map((name) => `${name} ${String(statSync(path.join(keys, name), { throwIfNoEntry: false })?.mtimeMs)}`), ...[...assets].sort()].join('|')
      if (there === installed) return false
      const { byAsset, problems } = store.load()
      const ours = new Map([...byAsset].filter(([asset]) => assets.has(asset)))
      judge.load(ours)
      installed = there
      for (const [asset, { manifest }] of ours) log.info({ asset, release: manifest.release.id, issue: manifest.issue.number }, 'judges here')
      if (problems.length > 0) troubles.set('bundles', `${problems.length === 1 ? 'a bundle is' : `${problems.length} bundles are`} not used: ${problems[0] as string}`)
      else troubles.delete('bundles')
      return true
    } catch (error) {
      // A folder that cannot be read must keep nobody from taking readings.
      troubles.set('bundles', `the bundles in ${folder} cannot be read (${messageOf(error)}); check the disk and who may read them`)
      return false
    }
  }

  begin()

  /** The book holds what the rules say, whatever lay between. */
  function settled(): AlarmChange[] {
    const bundles = judge.bundles()
    const standing = book.standingAll().filter(({ judgement }) => judgement !== null)
    const gone = standing.filter(({ asset }) => !bundles.has(asset))
      .map(({ asset, rule }): AlarmChange => ({ kind: 'clear', asset, rule, sinceUs: nowUs(), because: 'rule-gone' }))
    return [...gone, ...[...bundles].flatMap(([asset, bundle]) =>
      alarmsMissing(bundle, asset, judge.rules(asset), standing.filter((alarm) => alarm.asset === asset).map(({ rule }) => rule)))]
  }

  async function follow(changes: readonly AlarmChange[]): Promise<void> {
    for (const change of changes) {
      if (change.kind === 'raise') await book.raise(change.rule, { sinceUs: change.sinceUs, numbers: [], judgement: change.judgement })
      else await book.clear({ asset: change.asset, name: change.rule, of: 'release' }, change.sinceUs, change.because)
    }
  }

  async function judgeWaiting(): Promise<void> {
    if (performance.now() - lookedMs >= LOOK_EVERY_MS && reload()) unsettled = true
    if (unsettled) {
      await follow(settled())
      unsettled = false
      onChange()
    }
    if (!feed.waits()) return
    const judged = judge.judge(feed.flush(judge.tags()))
    if (judged.length === 0) return
    const bundles = judge.bundles()
    const changes = judged.flatMap((score) => {
      const bundle = bundles.get(score.asset)
      return bundle === undefined ? [] : alarmChanges(bundle, score)
    })
    const noted = judged.map((score) => windowOf(score, nowUs()))
    await keep(noted)
    // After a power cut in between the rules say what the book lacks; the other way round it would lack what the rules do not know.
    await follow(changes)
    for (const window of noted) note(window)
  }

  /** A disk that takes nothing keeps nobody from hearing an alarm. */
  async function keep(noted: readonly JudgedWindow[]): Promise<void> {
    const kept: Kept = { feed: feed.state(), assets: judge.state() }
    unnoted = [...unnoted, ...noted].slice(-MOST_UNNOTED)
    try {
      await buffer.write([{ store: 'facts', key: STATE, value: kept }])
      await scores.append(unnoted)
      unnoted = []
      troubles.delete('scores')
    } catch (error) {
      troubles.set('scores', `what is judged here could not be noted (${messageOf(error)}); make room on the disk`)
    }
  }

  function note(window: JudgedWindow): void {
    const { trend } = trends.get(window.asset) ?? { trend: [] }
    trends.set(window.asset, { last: window, trend: [...trend, window.confidence].slice(-TREND) })
  }

  async function step(): Promise<void> {
    try {
      await judgeWaiting()
      troubles.delete('judge')
    } catch (error) {
      log.error({ err: error }, 'judging here failed; it begins anew')
      troubles.set('judge', `judging here failed and begins anew: ${messageOf(error)}`)
      begin()
      unsettled = true
    }
    if (performance.now() - prunedMs < PRUNE_EVERY_MS) return
    prunedMs = performance.now()
    await scores.prune(nowUs() - plan().judge.keepMs * 1000, plan().platform.url === null ? null : told).catch((error: unknown) => { log.warn({ err: error }, 'old scores could not be removed') })
  }

  return {
    take(kept) {
      if (judge.tags().size === 0) return
      feed.take(kept)
      bell.ring()
    },
    look() {
      lookedMs = -Infinity
      bell.ring()
    },
    async run(signal) {
      while (!signal.aborted) {
        await step()
        await bell.wait(signal, LOOK_EVERY_MS)
        await createBell().wait(signal, TOGETHER_MS)
      }
      // What was delivered until the end is judged: the next run has it no more.
      if (feed.waits()) await step()
      await scores.close()
    },
    report() {
      return {
        node, keys: [...store.keys.ids()], assets: [...placeOf(plan()).assets].sort().slice(0, 1000),
        bundles: [...judge.bundles()].map(([asset, { digest, manifest }]) => ({ asset, digest, issue: manifest.issue.number, release: manifest.release.digest })),
      }
    },
    async untold(limit) {
      try {
        // Where the platform has not come to the first of them, to send all again each time would only cost.
        offered = await scores.read(told, vain < 3 ? limit : Math.min(limit, FEW))
        vain++
        return offered.map(({ window }) => window)
      } catch (error) {
        troubles.set('scores', `what was judged here cannot be read back (${messageOf(error)}); check the disk`)
        return []
      }
    },
    async confirm({ asset, endUs, issue }) {
      // An answer to an earlier report may come behind that to a later one.
      const at = offered.findIndex(({ window }) => window.asset === asset && window.endUs === endUs && window.issue === issue)
      const last = offered[at]
      if (last === undefined) return false
      vain = 0
      told = last.next
      offered = offered.slice(at + 1)
      await buffer.write([{ store: 'facts', key: TOLD, value: told }])
      return offered.length === 0 && (await scores.read(told, 1)).length > 0
    },
    machines: () => [...judge.bundles()].map(([asset, { manifest }]) => {
      const { last, trend } = trends.get(asset) ?? { last: null, trend: [] }
      return { asset, release: manifest.release.id, issue: manifest.issue.number, last: last && { endUs: last.endUs, score: last.score, confidence: last.confidence, fired: last.fired }, trend }
    }),
  }
}

/** What a former version wrote otherwise is begun anew. */
function keptState(buffer: DurableBuffer): Kept | undefined {
  const kept = buffer.record('facts', STATE)
  return keptSchema.safeParse(kept).success ? kept as Kept : undefined
}
const keptSchema = z.object({
  feed: z.object({ claims: z.object({ live: z.record(z.string(), z.number()), backfill: z.record(z.string(), z.number()) }), shape: z.record(z.string(), z.unknown()) }),
  assets: z.record(z.string(), z.object({ closedThroughUs: z.number().nullable(), rules: z.object({ rules: z.record(z.string(), z.unknown()) }).loose().nullable() })),
})

function windowOf(score: LocalScore, judgedUs: number): JudgedWindow {
  const { asset, window, release, bundle, featureSet, decision, replay } = score
  return {
    asset, endUs: window.endUs, judgedUs: Math.floor(judgedUs), release, issue: bundle.issue, featureSet: `${featureSet.name}@${featureSet.version}`,
    score: finiteOrNull(score.score), confidence: finiteOrNull(score.confidence), fired: decision?.fired ?? null, decided: decision !== null,
    replay: replay.class, tolerance: replay.class === 'exact' ? null : { ...replay.tolerance },
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
const finiteOrNull = (x: number): number | null => (Number.isFinite(x) ? x : null)
