import type { Lane } from '../../registry/domain/contract/batch.ts'
import { DomainError } from '../../registry/domain/errors.ts'
import { placesOf, releasesInForce, type AssetPlace, type ReleaseRole } from '../../registry/store/releases-in-force.ts'
import type { Tx } from '../../registry/store/transaction.ts'
import type { ModelCache } from '../models/load-model.ts'
import type { Model } from '../../registry/domain/models/model.ts'
import type { Definitions, KnownFeatureSet, KnownRelease } from './definitions.ts'

/** A release in force, with its model at hand. */
export interface Judge {
  readonly role: ReleaseRole
  readonly release: KnownRelease
  readonly model: Model
}

/** One asset in one lane, and one way in which it is to be measured and judged. */
export interface Wanted {
  readonly place: AssetPlace
  readonly lane: Lane
  readonly set: KnownFeatureSet
  /** Champion first. None for the family's newest feature set while no release uses it: its features are kept all the
   * same, so that a model can be trained on them. */
  readonly judges: readonly Judge[]
  /** Its champion's model was refused: the lane starts, but closes nothing. */
  readonly held: boolean
}

/** A release that cannot judge because its model is missing or not the registered one. */
export interface RefusedRelease {
  readonly release: KnownRelease
  readonly role: ReleaseRole
  readonly refusal: DomainError
}

const ROLE_ORDER: Record<ReleaseRole, number> = { champion: 0, challenger: 1, shadow: 2 }

/**
 * Finds what judges each asset now. A model that is refused (wrong digest, gone) holds its champion's windows open: they
 * close once it is put right, and nothing is lost. A challenger or shadow with such a model just does not score.
 */
export async function findWanted(
  tx: Tx, fed: readonly { assetRef: number; lane: Lane }[], definitions: Definitions, models: ModelCache,
): Promise<{ wanted: Wanted[]; refused: RefusedRelease[] }> {
  const assetRefs = [...new Set(fed.map(({ assetRef }) => assetRef))]
  const places = await placesOf(tx, assetRefs)
  const inForce = await releasesInForce(tx, assetRefs)
  const releases = await definitions.releases(tx, inForce.map(({ releaseRef }) => releaseRef))
  const sets = await definitions.featureSets(tx, [
    ...inForce.map(({ releaseRef }) => (releases.get(releaseRef) as KnownRelease).featureSetRef),
    ...places.flatMap(({ currentFeatureSetRef }) => currentFeatureSetRef ?? []),
  ])
  const { loaded, refused } = await loadModels(inForce.map(({ releaseRef, role }) => ({ release: releases.get(releaseRef) as KnownRelease, role })), models)
  const wanted = places.flatMap((place) => {
    const lanes = fed.filter(({ assetRef }) => assetRef === place.assetRef).map(({ lane }) => lane)
    const mine = inForce.filter(({ assetRef }) => assetRef === place.assetRef)
    const ways = new Map<number, Judge[]>()
    const held = new Set<number>()
    for (const { releaseRef, role } of [...mine].sort((a, b) => ROLE_ORDER[a.role] - ROLE_ORDER[b.role] || a.releaseRef - b.releaseRef)) {
      const release = releases.get(releaseRef) as KnownRelease
      const model = loaded.get(releaseRef)
      if (model === undefined && role === 'champion') held.add(release.featureSetRef)
      const judges = ways.get(release.featureSetRef) ?? []
      ways.set(release.featureSetRef, judges)
      if (model !== undefined) judges.push({ role, release, model })
    }
    const { currentFeatureSetRef } = place
    if (currentFeatureSetRef !== null && !ways.has(currentFeatureSetRef)) ways.set(currentFeatureSetRef, [])
    return lanes.flatMap((lane) => [...ways].map(([ref, judges]) => ({
      place, lane, set: sets.get(ref) as KnownFeatureSet, judges, held: held.has(ref),
    })))
  })
  return { wanted, refused }
}

/** The models of releases by reference; a refusal (wrong digest, gone, unknown kind) is an answer, a store that is away is not. */
export async function loadModels(
  judging: readonly { release: KnownRelease; role: ReleaseRole }[], models: ModelCache,
): Promise<{ loaded: Map<number, Model>; refused: RefusedRelease[] }> {
  const loaded = new Map<number, Model>()
  const refused: RefusedRelease[] = []
  for (const { release, role } of judging) {
    if (loaded.has(release.releaseRef) || refused.some((other) => other.release === release)) continue
    try {
      loaded.set(release.releaseRef, await models.get(release.model.artifactKey, release.model.digest))
    } catch (error) {
      if (!(error instanceof DomainError) || error.code === 'unavailable') throw error
      refused.push({ release, role, refusal: error })
    }
  }
  return { loaded, refused }
}
