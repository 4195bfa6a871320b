import { announceTraining } from '../registry/services/announce-lineage.ts'
import { announce } from '../registry/store/outbox.ts'
import { endOperation, type OperationOutcome } from '../registry/store/operations.ts'
import { inSite } from '../registry/store/transaction.ts'
import type { TrainingDeps, TrainingRun } from './training/deps.ts'
import {
  makeRelease, registerModels, requestGate, type GateResult, type ModelName, type RegisterInput, type RegisterResult, type ReleaseResult,
} from './training/register-models.ts'
import { snapshotDataset, type SnapshotInput, type SnapshotResult } from './training/snapshot-dataset.ts'
import { trainModels, type TrainInput, type TrainResult } from './training/train-models.ts'

/** The steps of `retrainModel`. Small JSON in and out; each may be run again for the same operation without a second effect. */
export interface TrainingActivities {
  snapshotDataset(input: SnapshotInput): Promise<SnapshotResult>
  trainModels(input: TrainInput): Promise<TrainResult>
  registerModels(input: RegisterInput): Promise<RegisterResult>
  makeRelease(input: TrainingRun & { readonly model: ModelName }): Promise<ReleaseResult>
  requestGate(input: TrainingRun & { readonly release: string }): Promise<GateResult>
  /** Ends the operation and says so on the bus. */
  finishRetraining(input: TrainingRun & { readonly outcome: OperationOutcome }): Promise<void>
}

export function createTrainingActivities(deps: TrainingDeps): TrainingActivities {
  return {
    snapshotDataset: (input) => snapshotDataset(deps, input),
    trainModels: (input) => trainModels(deps, input),
    registerModels: (input) => registerModels(deps, input),
    makeRelease: (input) => makeRelease(deps, input),
    requestGate: (input) => requestGate(deps, input),
    finishRetraining: ({ site, operationId, family, outcome }) => inSite(deps.pool, site, async (tx) => {
      if (!(await endOperation(tx, operationId, outcome))) return
      await announce(tx, {
        id: `operation/${operationId}/ended`, type: 'retraining.ended', atUs: deps.nowUs(), data: { operation: operationId, family, ...outcome },
      })
      await announceTraining(tx, site, operationId)
    }),
  }
}
