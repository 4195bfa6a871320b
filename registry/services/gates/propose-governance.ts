import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { demand, may, type Actor } from '../../domain/access/rights.ts'
import { canonicalDigest } from '../../domain/canonical.ts'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import { openGate } from '../../domain/gates/gate.ts'
import { differencesOf } from '../../domain/governance/difference.ts'
import { familyGovernanceSchema, frozenRules, gateKinds, openGatesSchema } from '../../domain/governance/family.ts'
import { activeRoles } from '../../store/actors.ts'
import { recordAudit } from '../../store/audit.ts'
import { getFamily, lockFamily, type FamilyRow } from '../../store/families.ts'
import { insertGate, openGateRow } from '../../store/gates.ts'
import { governanceDigest, insertGovernanceVersion, nextGovernanceVersion, type GovernanceVersion } from '../../store/governance-versions.ts'
import { appendLedger } from '../../store/ledger.ts'
import { newestCommit } from '../../store/training-windows.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import { startGate } from '../../store/workflow-calls.ts'
import type { ServiceContext } from '../context.ts'
import { demandSound } from '../create-family.ts'
import type { GovernanceEvidence } from '../read/gate-evidence.ts'
import { ownersOf } from './gate-action.ts'
import { tellOpened, tellRequested } from './gate-talk.ts'

export const proposeGovernanceInput = z.object({
  site: slugSchema,
  family: slugSchema,
  owner: slugSchema.nullable().optional().describe('Absent: as it is'),
  governance: familyGovernanceSchema.optional().describe('The rules as a whole; absent: as they are'),
  openGates: openGatesSchema.default('keep').describe('What becomes of gates that are open when it comes into force: they keep their rules, or are void'),
  reason: z.string().trim().min(1).max(2000),
})
export type ProposeGovernanceInput = z.output<typeof proposeGovernanceInput>

export interface ProposedGovernance { readonly family: string; readonly version: number; readonly digest: string; readonly gate: string; readonly expiresAt: string }

/**
 * Proposes other rules or another owner for a family: a numbered version, and a gate whose approvals the rules in force now
 * ask for. Refuses (`conflict`) what changes nothing or while another change waits, (`unprocessable`) rules that
 * contradict themselves or the site, and (`invalid`) what nobody could approve.
 */
export async function proposeGovernance(ctx: ServiceContext, actor: Actor, input: ProposeGovernanceInput): Promise<ProposedGovernance> {
  demand(actor, 'family.write', input.site)
  const { site, reason, openGates } = input
  return inSite(ctx.pool, site, async (tx) => {
    const nowUs = ctx.nowUs()
    const present = await lockFamily(tx, site, input.family) ?? await getFamily(tx, site, input.family)
    const family = present.id
    const owner = input.owner === undefined ? present.owner : input.owner
    const governance = input.governance ?? present.governance
    const changes = differencesOf({ owner: present.owner, ...present.governance }, { owner, ...governance })
    if (changes.length === 0) refuse('conflict', `this is what is in force for family ${family} already (version ${present.governanceVersion}); change something`, { family })
    await demandSound(tx, site, family, { owner, governance })

    const rules = frozenRules(present.governance['change-governance'], nowUs)
    openGate({ rules, evidenceDigest: '', requestedBy: actor.id, authors: [actor.id], owners: ownersOf(present) }, nowUs)
    const version = await nextGovernanceVersion(tx, site, family)
    const gateId = randomUUID()
    const scope = { kind: 'family' as const, id: family }
    const kind = 'change-governance' as const
    const gate = { gateId, site, family, kind, scope, rules, reason, requestedBy: actor.id, authors: [actor.id] }
    await insertGate(tx, { ...gate, governanceVersion: version, replacesVersion: present.governanceVersion, nowUs })
    const proposal: GovernanceVersion = {
      family, version, owner, governance, digest: governanceDigest({ family, version, owner, governance }), openGates, reason, proposedBy: actor.id, proposedUs: nowUs,
      gateId, inForceFromUs: null,
    }
    await insertGovernanceVersion(tx, site, proposal)

    // There is nothing to collect: what the approvers must see is known now, and is frozen in this transaction.
    const commitNumber = await newestCommit(tx)
    const body = {
      kind, family, gate: gateId, version, digest: proposal.digest, replaces: present.governanceVersion, openGates, changes, commitNumber,
      proposed: { owner, governance }, canApprove: await whoCould(tx, site, { owner, governance }),
    } satisfies GovernanceEvidence & Record<string, unknown>
    const evidenceDigest = canonicalDigest(body)
    await openGateRow(tx, gateId, { body, digest: evidenceDigest, commitNumber, nowUs })
    await startGate(tx, site, { gateId, kind, expiresAtUs: rules.expiresAtUs })
    const facts = { gate: gateId, kind, family, version, digest: proposal.digest, replaces: present.governanceVersion, openGates, changes, evidenceDigest, reason }
    await recordAudit(tx, { actor, verb: 'propose-governance', subject: `gate/${gateId}`, detail: facts })
    await appendLedger(tx, { kind: 'governance.proposed', subject: `family/${family}`, actor, body: facts })
    await tellRequested(tx, gate, actor.id, facts, nowUs)
    await tellOpened(tx, { ...gate, evidenceDigest, commitNumber }, facts, nowUs)
    return { family, version, digest: proposal.digest, gate: gateId, expiresAt: microsToIso(rules.expiresAtUs) }
  })
}

/** For each kind of change, how many the proposed rules would ask for and how many there are: rules nobody can fulfil show here. */
async function whoCould(tx: Tx, site: string, { owner, governance }: Pick<FamilyRow, 'owner' | 'governance'>): Promise<GovernanceEvidence['canApprove']> {
  const people = (await activeRoles(tx, site)).filter((person) => may({ ...person, sites: [site] }, 'gate.decide', site))
  return Object.fromEntries(gateKinds.map((kind) => {
    const { requiredApprovals, roles, ownerMustApprove } = governance[kind]
    const able = people.filter((person) => person.roles.some((role) => roles.includes(role)))
    return [kind, { required: requiredApprovals, able: able.length, ...(ownerMustApprove && { owner: able.some(({ id }) => id === owner) }) }]
  }))
}
