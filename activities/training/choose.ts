import type { ModelKind } from '../../registry/domain/models/model.ts'
import type { ModelEvaluation } from './evaluate.ts'

/** With fewer faulty windows a difference in F1 is chance. */
const MIN_FAULTY_ROWS = 20

export interface Choice {
  readonly chosen: ModelKind
  readonly criterion: 'f1' | 'false-alarm-rate'
  /** A sentence for the model card: what was compared, and how it came out. */
  readonly because: string
}

/**
 * The neural model has to earn its place: it is chosen only when it beats the baseline on held-out windows. With faulty
 * ones among them by F1 (and better than every null model); else by a false-alarm rate that is lower by more than one
 * standard error. In doubt the baseline stays: it is cheaper, and its reasons are easier to read.
 */
export function chooseModel(evaluations: { pca: ModelEvaluation; autoencoder: ModelEvaluation }): Choice {
  const { pca, autoencoder } = evaluations
  if (pca.faultyRows >= MIN_FAULTY_ROWS && autoencoder.faultyRows >= MIN_FAULTY_ROWS) return byF1(pca, autoencoder)
  return byFalseAlarms(pca, autoencoder)
}

function byF1(pca: ModelEvaluation, autoencoder: ModelEvaluation): Choice {
  const [base, neural] = [pca.windows.model.f1 ?? 0, autoencoder.windows.model.f1 ?? 0]
  const wins = neural > base && autoencoder.windows.beatsNullModels === true
  return {
    chosen: wins ? 'autoencoder' : 'pca', criterion: 'f1',
    because: `F1 on ${pca.faultyRows} faulty and ${pca.normalRows} normal held-out windows: autoencoder ${shown(neural)}, PCA ${shown(base)}; `
      + (wins ? 'the autoencoder beats the baseline and every null model' : 'the autoencoder does not beat the baseline and every null model'),
  }
}

function byFalseAlarms(pca: ModelEvaluation, autoencoder: ModelEvaluation): Choice {
  const [base, neural] = [pca.falseAlarmRate, autoencoder.falseAlarmRate]
  if (base === null || neural === null || pca.normalRows === 0) {
    return { chosen: 'pca', criterion: 'false-alarm-rate', because: 'there were no held-out windows to compare on, so the baseline stays' }
  }
  const error = Math.sqrt((base * (1 - base)) / pca.normalRows)
  const wins = base - neural > error
  return {
    chosen: wins ? 'autoencoder' : 'pca', criterion: 'false-alarm-rate',
    because: `too few faulty windows to compare detection; false-alarm rate on ${pca.normalRows} held-out normal windows: autoencoder ${shown(neural)}, `
      + `PCA ${shown(base)}, standard error ${shown(error)}; ${wins ? 'the autoencoder is better by more than that' : 'the autoencoder is not better by more than that'}`,
  }
}

const shown = (rate: number): string => rate.toFixed(4)
