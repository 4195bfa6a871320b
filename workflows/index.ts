/** Every workflow a Worker runs: what is exported here is what can be started. */
export { alertLifecycle } from './alert-lifecycle.ts'
export { approvePolicy } from './approve-policy.ts'
export { changeGovernance } from './change-governance.ts'
export { promoteModel } from './promote-model.ts'
export { ingestBatch } from './ingest-batch.ts'
export { retrainModel } from './retrain-model.ts'
export { checkDrift } from './check-drift.ts'
export { rescore } from './rescore.ts'
