import type { ServiceContext } from '../registry/services/context.ts'
import { decideGate, type GateDecided } from '../registry/services/gates/decide-gate.ts'
import { openGateWith } from '../registry/services/gates/open-gate.ts'
import { tendGate, type GateStanding } from '../registry/services/gates/tend-gate.ts'
import { voidGate } from '../registry/services/gates/void-gate.ts'
import type { collectEvidence } from './evidence/collect.ts'

export interface GateRef { readonly site: string; readonly gateId: string }
export interface GateDecision extends GateRef {
  readonly actor: string
  readonly verdict: 'approve' | 'reject'
  readonly evidenceDigest: string
  readonly comment: string
  readonly onBehalfOf?: string | null
}

export interface GateActivities {
  /** Collects and freezes the evidence, once; a gate that has it keeps it. */
  collectEvidence(gate: GateRef): Promise<{ state: string; evidenceDigest: string | null }>
  /** How the gate stands now; expires it when its time has come, reminds its approvers and escalates while it waits. */
  checkGate(gate: GateRef): Promise<GateStanding>
  decideGate(decision: GateDecision): Promise<GateDecided>
  voidGate(gate: GateRef & { because: string }): Promise<void>
}

export interface GateActivityDeps extends Pick<ServiceContext, 'pool' | 'nowUs'> {
  readonly collect: (gate: GateRef) => ReturnType<typeof collectEvidence>
}

export function createGateActivities(deps: GateActivityDeps): GateActivities {
  return {
    async collectEvidence({ site, gateId }) {
      const standing = await tendGate(deps, { site, gate: gateId })
      if (standing.state !== 'collecting') return { state: standing.state, evidenceDigest: null }
      return openGateWith(deps, { site, gate: gateId }, await deps.collect({ site, gateId }))
    },
    checkGate: ({ site, gateId }) => tendGate(deps, { site, gate: gateId }),
    decideGate: ({ gateId, ...decision }) => decideGate(deps, { gate: gateId, ...decision }),
    voidGate: ({ gateId, ...rest }) => voidGate(deps, { gate: gateId, ...rest }),
  }
}
