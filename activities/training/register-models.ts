import { DomainError } from '../../registry/domain/errors.ts'
import { createRelease } from '../../registry/services/create-release.ts'
import { registerModelVersion } from '../../registry/services/register-model-version.ts'
import { requestPromotionIn } from '../../registry/services/gates/request-promotion.ts'
import { lockOperationNotes } from '../../registry/store/operation-notes.ts'
import { reportProgress } from '../../registry/store/operations.ts'
import { inSite } from '../../registry/store/transaction.ts'
import { onBehalfOf, type TrainingDeps, type TrainingRun } from './deps.ts'
import { readRunReport, type ReportReference } from './run-report.ts'

export interface RegisterInput extends TrainingRun { readonly report: ReportReference }
export interface ModelName { readonly name: string; readonly version: number }
export interface RegisterResult { readonly models: readonly ModelName[]; readonly chosen: ModelName }

/** Registers both models of a run, the baseline too: it is what later ones are compared with. */
export async function registerModels(deps: TrainingDeps, run: RegisterInput): Promise<RegisterResult> {
  const report = await readRunReport(deps.objects, run.report)
  const models: ModelName[] = []
  let chosen: ModelName | undefined
  for (const model of report.models) {
    const { name, version } = await registerModelVersion(deps, onBehalfOf(run), {
      site: run.site, family: run.family, name: modelName(run.family, model.kind), kind: model.kind, artifactKey: model.artifactKey,
      digest: model.digest, dataset: report.dataset, metrics: model.metrics, calibration: model.calibration, card: model.card,
      runtime: report.runtime, reason: run.reason, runId: run.operationId,
    })
    models.push({ name, version })
    if (model.kind === report.chosen) chosen = { name, version }
  }
  if (chosen === undefined) throw new Error(`the report of run ${run.operationId} chose ${report.chosen} and does not hold it`)
  await note(deps, run, { step: 'registered', models, chosen })
  return { models, chosen }
}

/** A registered model per family and kind; a name has at most 63 characters. */
export const modelName = (family: string, kind: string): string => `${family.slice(0, 62 - kind.length)}-${kind}`

export interface ReleaseResult { readonly release: string | null; readonly note: string | null }

/** Binds the chosen model with the family's newest policy. Without a policy there is no release, and that is no failure. */
export async function makeRelease(deps: TrainingDeps, run: TrainingRun & { readonly model: ModelName }): Promise<ReleaseResult> {
  let result: ReleaseResult
  try {
    const { releaseId } = await createRelease(deps, onBehalfOf(run), { site: run.site, model: run.model, policyVersion: null })
    result = { release: releaseId, note: null }
  } catch (error) {
    if (!(error instanceof DomainError) || error.code !== 'not_found') throw error
    result = { release: null, note: error.message }
  }
  await note(deps, run, { step: 'released', ...result })
  return result
}

export interface GateResult { readonly gate: string | null; readonly note: string | null }

/** Opens a gate for the release, once a run. What is in force, or waits at a gate, already needs none. */
export async function requestGate(deps: TrainingDeps, run: TrainingRun & { readonly release: string }): Promise<GateResult> {
  try {
    return await inSite(deps.pool, run.site, async (tx) => {
      const noted = (await lockOperationNotes(tx, run.operationId))['gate'] as string | undefined
      if (noted !== undefined) return { gate: noted, note: null }
      const { gate } = await requestPromotionIn(
        tx, onBehalfOf(run), { site: run.site, release: run.release, role: 'champion', reason: run.reason }, deps.nowUs(),
      )
      await reportProgress(tx, run.operationId, { step: 'gate', gate })
      return { gate, note: null }
    })
  } catch (error) {
    if (!(error instanceof DomainError) || error.code !== 'conflict') throw error
    await note(deps, run, { gateNote: error.message })
    return { gate: null, note: error.message }
  }
}

const note = (deps: TrainingDeps, run: TrainingRun, progress: Record<string, unknown>): Promise<unknown> =>
  inSite(deps.pool, run.site, (tx) => reportProgress(tx, run.operationId, progress))
