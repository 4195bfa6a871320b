import type { Actor } from '../../registry/domain/access/rights.ts'
import type { ServiceContext } from '../../registry/services/context.ts'
import type { Fit } from '../models/fork-fit.ts'

/** What training needs of the world. */
export interface TrainingDeps extends ServiceContext {
  readonly fit: Fit
}

/** One training run: every step carries it, and registers under its operation's id. */
export interface TrainingRun {
  readonly site: string
  readonly operationId: string
  readonly family: string
  readonly reason: string
  readonly requestedBy: string
}

/**
 * The steps act for whoever asked: their right was checked when they did, and as author of the release they may not
 * approve it.
 */
export const onBehalfOf = ({ requestedBy, site }: TrainingRun): Actor => ({ id: requestedBy, roles: ['ml-engineer'], sites: [site] })
