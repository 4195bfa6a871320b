import type { DueRange, LanePosition } from '../../registry/domain/windows/due.ts'
import type { RoleTag } from '../../registry/domain/windows/window-readings.ts'
import type { AssetLane } from '../../registry/store/asset-lanes.ts'
import type { AssetPlace } from '../../registry/store/releases-in-force.ts'
import type { KnownFeatureSet } from './definitions.ts'
import type { Judge } from './judges.ts'

/** One asset measured by one feature set in one lane: what of it is due, and who judges it. */
export interface LanePlan {
  readonly place: AssetPlace
  readonly set: KnownFeatureSet
  /** The asset's tags in the set's roles. */
  readonly tags: readonly RoleTag[]
  readonly judges: readonly Judge[]
  readonly lane: AssetLane
  readonly ranges: readonly DueRange[]
  readonly positions: readonly LanePosition[]
  /** The lane as it stands when all ranges are closed. */
  readonly after: AssetLane
}
