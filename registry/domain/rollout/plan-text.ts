import type { RolloutPlan } from './plan.ts'

/** How a release comes into force, in one line, with every machine of its canary: that is what approvers agree to. */
export function planText(plan: RolloutPlan): string {
  const { shadow, canary, champion } = plan
  const steps = [
    ...shadow ? [`scores beside the champion for ${spanText(shadow.dwellSeconds)}`] : [],
    ...canary ? [`judges ${canary.assets.length === 1 ? canary.assets[0] ?? '' : `${canary.assets.length} machines (${canary.assets.join(', ')})`} for ${spanText(canary.dwellSeconds)}`] : [],
    champion ? `judges all, watched for ${spanText(champion.dwellSeconds)}` : 'judges all',
  ]
  return `${steps.join('; then ')}${plan.advance === 'manual' ? '; each step when somebody says so' : ''}${plan.rescore === true ? '; taken back, what it judged is judged anew' : ''}`
}

const UNITS = [[86_400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']] as const
export function spanText(seconds: number): string {
  const [size, unit] = UNITS.find(([of]) => seconds >= of && seconds % of === 0) ?? [1, 's']
  return `${seconds / size} ${unit}`
}
