import type { BundleManifest } from '../../registry/domain/bundle/manifest.ts'
import type { OpenBundle } from '../../registry/domain/bundle/open.ts'
import { refuse } from '../../registry/domain/errors.ts'
import type { Decision, DecisionState } from '../../registry/domain/policy/decide.ts'
import type { Tolerance } from '../../registry/domain/replay/compare.ts'
import { createCalibrator } from '../../registry/domain/scoring/calibration.ts'
import { topContributions, type Contribution } from '../../registry/domain/scoring/contributions.ts'
import { computeWindow, type WindowFeatures } from '../../registry/domain/windows/compute-window.ts'
import { decideWindow } from '../../registry/domain/windows/decide-window.ts'
import { occupiedEnds } from '../../registry/domain/windows/due.ts'
import { endAtOrBefore, laneStart } from '../../registry/domain/windows/timing.ts'
import { nextReadingUs, type KnownReadings, type RoleTag } from '../../registry/domain/windows/window-readings.ts'
import { createRecentReadings, type RecentReadings, type TagReadings, type TagWaveform } from './recent-readings.ts'

/** A window that was judged here, by which release, and how nearly the platform will agree. */
export interface LocalScore {
  readonly site: string
  readonly asset: string
  readonly window: { readonly startUs: number; readonly endUs: number }
  readonly release: { readonly id: string; readonly digest: string }
  readonly bundle: { readonly digest: string; readonly issue: number }
  readonly featureSet: { readonly name: string; readonly version: number; readonly digest: string }
  /** In the order of the feature set; NaN where missing. */
  readonly features: Float64Array
  readonly goodFraction: number
  /** Source time of the newest reading used. */
  readonly sourceUs: number
  /** NaN for a window without a single value. */
  readonly score: number
  readonly confidence: number
  readonly contributions: readonly Contribution[]
  /** Null: the window does not come after the last decided one, so that it keeps its score and decides nothing. */
  readonly decision: Decision | null
  readonly replay: ReplayClass
}

/** `exact`: the platform's figures to the bit. `equivalent`: the same decision, figures within the model's tolerance. */
export type ReplayClass = { readonly class: 'exact' } | { readonly class: 'equivalent'; readonly tolerance: Tolerance }

/** How far a machine has been judged: plain JSON, to be kept over a restart or handed to the judge of the next release. */
export interface JudgeState {
  /** Windows that end at or before this are closed; null: none has begun. */
  readonly closedThroughUs: number | null
  /** Where the rules stand. */
  readonly rules: DecisionState | null
}

/** Judges one machine by one release, window by window, as the platform does and by the same code. */
export interface AssetJudge {
  /** Tags whose readings it wants. */
  readonly tags: ReadonlySet<string>
  /** Takes readings in any order; those of windows that are closed change nothing any more. Refuses (`invalid`) a tag it does not want. */
  take(readings: readonly TagReadings[], waveforms?: readonly TagWaveform[]): void
  /** Closes every window that ends at or before this: all readings up to here have been taken. */
  closeThrough(completeThroughUs: number): LocalScore[]
  state(): JudgeState
  /** What the judge of the next release goes on with. */
  handOver(): HandOver
}

/** A former judge's machine as it left it. */
export interface HandOver {
  readonly state: JudgeState
  readonly recent: ReadonlyMap<string, RecentReadings>
  /** How far back from the windows closed `recent` reaches, microseconds; -1: none has begun. */
  readonly reachUs: number
}

/** As many as the platform keeps with a score. */
const CONTRIBUTIONS = 5

export interface AssetJudgeOptions {
  readonly bundle: OpenBundle
  readonly asset: string
  /** Node's version here. */
  readonly node: string
  /** As a former run left it: readings of then are gone, so that it goes on with the first whole window. */
  readonly state?: JudgeState | undefined
  /** As the judge of the former release left it: no window is missed where this one looks at the same tags, no further back. */
  readonly after?: HandOver | undefined
}

/** Refuses (`not_found`) a bundle that does not judge the machine. */
export function createAssetJudge({ bundle: { digest, manifest, model }, asset, node, after, state = after?.state }: AssetJudgeOptions): AssetJudge {
  if (!manifest.assets.includes(asset)) refuse('not_found', `the bundle of release ${manifest.release.id} does not judge ${asset}; it judges ${manifest.assets.join(', ')}`)
  const set = manifest.featureSet.definition
  const policy = manifest.policy.definition
  const names = set.features.map(({ name }) => name)
  const calibrate = createCalibrator(manifest.calibration.state)
  const replay = replayClass(manifest, node)
  const tags = roleTags(manifest, asset)
  const goesOn = after !== undefined && set.windowUs - set.hopUs <= after.reachUs && tags.every(({ tagKey }) => after.recent.has(tagKey))
  const recent = new Map(tags.map(({ tagKey }) => [tagKey, (goesOn ? after.recent.get(tagKey) : undefined) ?? createRecentReadings()]))
  let closedThroughUs = state?.closedThroughUs ?? null
  let rules = state?.rules ?? null
  let begun = goesOn

  const of = (tag: string) => recent.get(tag) ?? refuse('invalid', `tag ${tag} is in no role of ${asset} that release ${manifest.release.id} looks at`, { tag })
  const known = (): KnownReadings => ({
    chunks: new Map(tags.map(({ tagKey, tagRef }) => [tagRef, of(tagKey).chunks(tagRef)])),
    waveforms: new Map(tags.map(({ tagKey, tagRef }) => [tagRef, of(tagKey).waveforms(tagRef)])),
  })

  function judged(window: WindowFeatures): LocalScore {
    const { startUs, endUs, values, goodFraction, sourceUs } = window
    const { scores, residuals } = model.scoreRows(values, 1)
    const score = scores[0] as number
    const { confidence } = calibrate(score)
    let decision: Decision | null = null
    if (rules === null || endUs > (rules.lastWindowEndUs ?? -Infinity)) {
      const folded = decideWindow(policy, names, rules, { endUs, values, score, confidence })
      rules = folded.state
      decision = folded.decision
    }
    return {
      site: manifest.site, asset, window: { startUs, endUs }, release: { id: manifest.release.id, digest: manifest.release.digest },
      bundle: { digest, issue: manifest.issue.number }, featureSet: { name: set.name, version: set.version, digest: manifest.featureSet.digest },
      features: values, goodFraction, sourceUs, score, confidence, contributions: topContributions(names, residuals, CONTRIBUTIONS), decision, replay,
    }
  }

  return {
    tags: new Set(recent.keys()),
    take(readings, waveforms = []) {
      for (const { tag, ...rest } of readings) of(tag).take(rest)
      for (const { tag, ...rest } of waveforms) of(tag).takeWaveform(rest)
    },
    closeThrough(completeThroughUs) {
      const now = known()
      if (!begun) {
        const first = nextReadingUs(tags, now, 0, -Infinity)
        if (first === undefined) return []
        begun = true
        // A machine's first window is the platform's. After a restart one that began before the first reading would be judged from a part.
        closedThroughUs = Math.max(closedThroughUs ?? -Infinity, laneStart(set, state === undefined ? first : first + set.hopUs - 1))
      }
      const fromUs = closedThroughUs as number
      const throughUs = endAtOrBefore(set, completeThroughUs)
      if (throughUs <= fromUs) return []
      const ends = occupiedEnds(set, { commitNumber: 0, afterUs: fromUs, throughUs }, (us) => nextReadingUs(tags, now, 0, us))
      const scores = ends.flatMap((endUs) => {
        const window = computeWindow(set, tags, now, 0, endUs)
        return window === undefined ? [] : [judged(window)]
      })
      closedThroughUs = throughUs
      for (const readings of recent.values()) readings.forget(throughUs + set.hopUs - set.windowUs)
      return scores
    },
    state: () => ({ closedThroughUs, rules }),
    handOver: () => ({ state: { closedThroughUs, rules }, recent, reachUs: begun ? set.windowUs - set.hopUs : -1 }),
  }
}

function roleTags({ tags }: BundleManifest, asset: string): RoleTag[] {
  const refs = new Map<string, number>()
  return tags.filter((tag) => tag.asset === asset).map(({ tag, role, kind, fromUs, toUs }) => {
    const tagRef = refs.get(tag) ?? refs.size
    refs.set(tag, tagRef)
    return { tagRef, tagKey: tag, role, kind, fromUs: fromUs ?? -Infinity, toUs: toUs ?? Infinity }
  })
}

/**
 * A model without a network is arithmetic that every JavaScript engine of a version carries out alike; a network's last
 * digits are its library's.
 */
function replayClass({ model, node: platform, tolerance }: BundleManifest, node: string): ReplayClass {
  return model.kind === 'pca' && platform === node ? { class: 'exact' } : { class: 'equivalent', tolerance }
}
