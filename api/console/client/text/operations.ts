import { counted } from '../../../../registry/domain/counted.ts'
import type { OperationRow } from '../types.ts'

export const KINDS: Readonly<Record<string, string>> = { 'retrain-model': 'Training', 'check-drift': 'Drift check', rescore: 'Rescore' }

export const stateText = ({ paused, state }: Pick<OperationRow, 'paused' | 'state'>): string => (paused ? `paused by ${paused.by}` : state)

/** How far it is: the step it names, or what it counts. */
export function progressText({ progress: { step, windows, assets } }: Pick<OperationRow, 'progress'>): string {
  if (step !== undefined) return step
  if (!windows) return 'has not begun'
  return `${windows.done} of ${counted(windows.all, 'window')}${assets ? `, ${assets.done} of ${counted(assets.all, 'machine')}` : ''}`
}

/** What came of it, in a few words. */
export function resultText({ kind, state, result, progress }: Pick<OperationRow, 'kind' | 'state' | 'result' | 'progress'>): string {
  if (kind === 'rescore') {
    const by = (result as { releases?: string[] } | null)?.releases ?? []
    return `${counted(progress.written ?? 0, 'revision')} written${by.length > 0 ? `, judged by ${by.join(', ')}` : ''}`
  }
  if (state === 'cancelled') return 'cancelled'
  const { chosen, verdict } = (result ?? {}) as { chosen?: string; verdict?: string }
  return chosen ?? (verdict === undefined ? '' : `drift: ${verdict.replaceAll('_', ' ')}`)
}

/** Which machines, in a few words. */
export function scopeText({ family, line, assets }: NonNullable<OperationRow['rescore']>['scope']): string {
  const shown = assets && `${assets.slice(0, NAMED).join(', ')}${assets.length > NAMED ? ` and ${assets.length - NAMED} more` : ''}`
  const parts = [...family === undefined ? [] : [`family ${family}`], ...line === undefined ? [] : [`line ${line}`], ...shown === undefined ? [] : [shown]]
  return parts.length === 0 ? 'the whole site' : parts.join(', ')
}
const NAMED = 10
