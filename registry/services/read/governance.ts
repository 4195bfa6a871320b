import { demand, type Actor } from '../../domain/access/rights.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import type { FamilyGovernance, OpenGates } from '../../domain/governance/family.ts'
import { getFamily } from '../../store/families.ts'
import { governanceVersions } from '../../store/governance-versions.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'

export interface GovernanceView {
  readonly version: number
  readonly state: 'in-force' | 'past' | 'proposed'
  readonly owner: string | null
  readonly governance: FamilyGovernance
  readonly digest: string
  readonly openGates: OpenGates
  readonly reason: string
  readonly proposedBy: string
  readonly proposedAt: string
  readonly gate: string | null
  readonly inForceFrom: string | null
}

/** A family's rules and owner in their versions, newest first. Refuses (`not_found`) an unknown family. */
export async function listGovernance(ctx: ServiceContext, actor: Actor, input: { site: string; family: string }): Promise<GovernanceView[]> {
  demand(actor, 'read', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const { governanceVersion } = await getFamily(tx, input.site, input.family)
    return (await governanceVersions(tx, input.site, input.family)).map(({ gateId, proposedUs, inForceFromUs, family: _family, ...version }) => ({
      ...version, gate: gateId, proposedAt: microsToIso(proposedUs), inForceFrom: inForceFromUs === null ? null : microsToIso(inForceFromUs),
      state: version.version === governanceVersion ? 'in-force' as const : inForceFromUs === null ? 'proposed' as const : 'past' as const,
    }))
  })
}
