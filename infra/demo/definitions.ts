import { demoPlantBearing } from '../../edge/connectors/demo-plant/index.ts'
import type { FeatureSetInput } from '../../registry/domain/features/feature-set.ts'
import type { PolicyInput } from '../../registry/domain/policy/policy.ts'

const MINUTE_US = 60e6
const HOUR_US = 60 * MINUTE_US

export const demoFamily = 'cooling-pumps'

/** The demo's people. Requester and approvers are different persons, because the gate insists on it. */
export const demoPeople = [
  { id: 'mia', name: 'Mia (ML engineer)', roles: ['ml-engineer'] },
  { id: 'rita', name: 'Rita (reliability engineer)', roles: ['reliability-engineer'] },
  { id: 'ravi', name: 'Ravi (reliability engineer)', roles: ['reliability-engineer'] },
  { id: 'omar', name: 'Omar (technician)', roles: ['operator'] },
] as const
export type DemoPerson = (typeof demoPeople)[number]['id']

export const demoGovernance = {
  'promote-model': { requiredApprovals: 2, roles: ['reliability-engineer', 'ml-engineer'], ownerMustApprove: true },
  'approve-policy': { requiredApprovals: 1, roles: ['reliability-engineer'], ownerMustApprove: true },
}

/** Weeks pass in minutes here, so a retraining may follow the last one at once. */
export const demoDrift = { retrainAfterSeconds: 0 }

/** Resonance of the bearing housing in the demo plant lies in this band; the envelope is taken there. */
const envelope = { loHz: 2000, hiHz: 5000, segment: 4096, bearing: demoPlantBearing, shaft: { rpmRole: 'speed' }, harmonics: 3 } as const

export const demoFeatureSet: FeatureSetInput = {
  name: 'pump-condition',
  version: 1,
  windowUs: HOUR_US,
  hopUs: 30 * MINUTE_US,
  features: [
    { name: 'vibration-de-rms', role: 'vibration_de', kind: 'wave_rms' },
    { name: 'vibration-de-kurtosis', role: 'vibration_de', kind: 'wave_kurtosis' },
    { name: 'vibration-de-crest', role: 'vibration_de', kind: 'wave_crest' },
    { name: 'vibration-de-band', role: 'vibration_de', kind: 'band_rms', params: { loHz: 2000, hiHz: 5000, segment: 2048 } },
    { name: 'bpfo-de', role: 'vibration_de', kind: 'envelope_defect', params: { ...envelope, defect: 'bpfo' } },
    { name: 'bpfi-de', role: 'vibration_de', kind: 'envelope_defect', params: { ...envelope, defect: 'bpfi' } },
    { name: 'vibration-nde-rms', role: 'vibration_nde', kind: 'wave_rms' },
    { name: 'vibration-nde-kurtosis', role: 'vibration_nde', kind: 'wave_kurtosis' },
    { name: 'velocity-de-mean', role: 'vibration_velocity_de', kind: 'mean' },
    { name: 'velocity-nde-mean', role: 'vibration_velocity_nde', kind: 'mean' },
    { name: 'motor-current-mean', role: 'motor_current', kind: 'mean' },
    { name: 'motor-temp-mean', role: 'motor_temperature', kind: 'mean' },
    { name: 'bearing-temp-mean', role: 'bearing_temperature_de', kind: 'mean' },
    { name: 'suction-mean', role: 'suction_pressure', kind: 'mean' },
    { name: 'discharge-mean', role: 'discharge_pressure', kind: 'mean' },
    { name: 'flow-mean', role: 'flow', kind: 'mean' },
    { name: 'speed-mean', role: 'speed', kind: 'mean' },
  ],
}

/** One rule on the model's confidence, one on the bearing's own frequency, so that an alert names its failure mode. */
export function demoPolicy(version: number, bpfoRaiseAt: number): PolicyInput {
  return {
    name: demoFamily,
    version,
    rules: [
      {
        id: 'anomaly', signal: 'confidence', comparison: 'above', raiseAt: 0.998, clearAt: 0.97, onDelayUs: 3 * HOUR_US, offDelayUs: 6 * HOUR_US,
        severity: 'medium', recommendedAction: 'Look at the features that drive the score; check instruments before the machine.',
      },
      {
        id: 'bearing-wear', signal: 'feature:bpfo-de', comparison: 'above', raiseAt: bpfoRaiseAt, clearAt: bpfoRaiseAt * 0.6, onDelayUs: 2 * HOUR_US, offDelayUs: 12 * HOUR_US,
        severity: 'high', failureMode: 'VIB', recommendedAction: 'Plan the replacement of the drive-end bearing (6205); inspect within 48 h.',
      },
    ],
    routing: {
      channels: { low: [], medium: ['maintenance'], high: ['maintenance'], urgent: ['maintenance'] },
      acknowledgeWithinSeconds: 5,
      escalation: [{ afterSeconds: 6, to: 'shift-lead' }],
    },
  }
}
