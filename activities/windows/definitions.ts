import { featureSetRoles } from '../../registry/domain/features/feature-set.ts'
import { createCalibrator, type CalibratedScore } from '../../registry/domain/scoring/calibration.ts'
import {
  featureSetDefinitions, releaseDefinitions, type FeatureSetDefinition, type ReleaseDefinition,
} from '../../registry/store/judging-definitions.ts'
import type { Tx } from '../../registry/store/transaction.ts'

export interface KnownFeatureSet extends FeatureSetDefinition {
  readonly roles: { scalar: string[]; waveform: string[] }
  readonly featureNames: readonly string[]
}

export interface KnownRelease extends ReleaseDefinition {
  readonly calibrate: (score: number) => CalibratedScore
}

/** Feature sets and releases by reference, read and parsed once: they never change. */
export interface Definitions {
  featureSets(tx: Tx, refs: Iterable<number>): Promise<ReadonlyMap<number, KnownFeatureSet>>
  releases(tx: Tx, refs: Iterable<number>): Promise<ReadonlyMap<number, KnownRelease>>
}

export function createDefinitions(): Definitions {
  const sets = new Map<number, KnownFeatureSet>()
  const releases = new Map<number, KnownRelease>()
  return {
    async featureSets(tx, refs) {
      const unknown = [...new Set(refs)].filter((ref) => !sets.has(ref))
      for (const found of unknown.length === 0 ? [] : await featureSetDefinitions(tx, unknown)) {
        sets.set(found.featureSetRef, {
          ...found, roles: featureSetRoles(found.set), featureNames: found.set.features.map((feature) => feature.name),
        })
      }
      return sets
    },
    async releases(tx, refs) {
      const unknown = [...new Set(refs)].filter((ref) => !releases.has(ref))
      for (const found of unknown.length === 0 ? [] : await releaseDefinitions(tx, unknown)) {
        releases.set(found.releaseRef, { ...found, calibrate: createCalibrator(found.calibration) })
      }
      return releases
    },
  }
}
