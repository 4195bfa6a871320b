import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { canonicalJson } from '../domain/canonical.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { differencesOf } from '../domain/governance/difference.ts'
import { defaultGovernance, familyGovernanceSchema, gateKinds, undecidingRole } from '../domain/governance/family.ts'
import { refuse } from '../domain/errors.ts'
import { findActor } from '../store/actors.ts'
import { recordAudit } from '../store/audit.ts'
import { appendLedger } from '../store/ledger.ts'
import { announce } from '../store/outbox.ts'
import { lockFamily, putFamily, type FamilyRow } from '../store/families.ts'
import { everAsked } from '../store/gates.ts'
import { governanceDigest, insertGovernanceVersion, type GovernanceVersion } from '../store/governance-versions.ts'
import { siteKind } from '../store/sites.ts'
import { inSite, type Tx } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'
import { tellGovernance } from './gates/governance-effect.ts'

export const createFamilyInput = z.object({
  site: slugSchema,
  id: slugSchema,
  name: z.string().min(1).max(200),
  owner: slugSchema.nullable().optional().describe('Actor who answers for the family; absent: as it is'),
  governance: familyGovernanceSchema.optional().describe('Absent: as it is, or the defaults'),
  drift: z.record(z.string(), z.json()).default({}).describe('Thresholds of the drift check; absent ones are the defaults'),
})
export type CreateFamilyInput = z.infer<typeof createFamilyInput>

/**
 * Makes a family, its owner and rules as version 1 of its governance; or changes its name and drift thresholds. Owner and
 * rules are set here once: by whoever founds the family, or finds it made by an import while nothing was asked for in
 * it. From then on they change through a gate. Refuses (`conflict`) any other change of them, saying how, and
 * (`unprocessable`) an owner nobody knows or is needed and missing.
 */
export async function createFamily(ctx: ServiceContext, actor: Actor, input: CreateFamilyInput): Promise<FamilyRow & { made: boolean }> {
  demand(actor, 'family.write', input.site)
  const { site, id, name, drift } = input
  return inSite(ctx.pool, site, async (tx) => {
    await siteKind(tx, site)
    // Before there is a row to lock, two who found the same family would both be the first.
    await tx.query("select pg_advisory_xact_lock(hashtextextended('twinward.family.' || $1 || '/' || $2, 0))", [site, id])
    const present = await lockFamily(tx, site, id)
    const owner = input.owner === undefined ? present?.owner ?? null : input.owner
    const governance = input.governance ?? present?.governance ?? defaultGovernance
    const changes = present === null || owner !== present.owner || canonicalJson(governance) !== canonicalJson(present.governance)
    const founds = present === null || (present.governanceVersion === 0 && changes && !await everAsked(tx, site, id))
    if (changes && !founds) {
      refuse('conflict', `owner and rules of family ${id} (version ${present.governanceVersion}) change only through a gate, by the rules in force now: propose the change with `
        + `POST /v1/families/${id}/governance, or twinward governance propose ${id}`, { family: id, version: present.governanceVersion })
    }
    if (changes) await demandSound(tx, site, id, { owner, governance })
    const family: FamilyRow = { id, name, owner, governance, drift, governanceVersion: founds ? 1 : present.governanceVersion }
    const outcome = await putFamily(tx, site, family)
    if (founds) {
      const nowUs = ctx.nowUs()
      const version: GovernanceVersion = {
        family: id, version: 1, owner, governance, digest: governanceDigest({ family: id, version: 1, owner, governance }), openGates: 'keep', reason: 'the family was founded',
        proposedBy: actor.id, proposedUs: nowUs, gateId: null, inForceFromUs: nowUs,
      }
      await insertGovernanceVersion(tx, site, version)
      await tellGovernance(tx, site, actor, version, { replaces: null, gate: null }, nowUs)
    }
    if (present !== null && canonicalJson([name, drift]) !== canonicalJson([present.name, present.drift])) await tellChanged(ctx, tx, site, actor, present, family)
    if (outcome !== 'unchanged') await recordAudit(tx, { actor, verb: 'create-family', subject: `family/${id}`, detail: { ...family, outcome } })
    return { ...family, made: outcome === 'made' }
  })
}

/** Name and drift thresholds are nobody's to approve, yet drift may start a training: who changed them is told and kept. */
async function tellChanged(ctx: Pick<ServiceContext, 'nowUs'>, tx: Tx, site: string, actor: Actor, before: FamilyRow, { id, name, drift }: FamilyRow): Promise<void> {
  const body = { family: id, name, drift, changes: differencesOf({ name: before.name, drift: before.drift }, { name, drift }) }
  const entry = await appendLedger(tx, { site, kind: 'family.changed', subject: `family/${id}`, actor, body })
  await announce(tx, { site, id: `family/${id}/changed/${entry}`, type: 'family.changed', atUs: ctx.nowUs(), data: { ...body, by: actor.id } })
}

/** Refuses (`unprocessable`) an owner nobody knows, and rules that ask for one where there is none, or for a role that decides nowhere. */
export async function demandSound(tx: Tx, site: string, family: string, { owner, governance }: Pick<FamilyRow, 'owner' | 'governance'>): Promise<void> {
  const undeciding = undecidingRole(governance)
  if (undeciding !== null) refuse('unprocessable', undeciding.message, { kind: undeciding.kind, role: undeciding.role })
  if (owner !== null && !await findActor(tx, site, owner)) {
    refuse('unprocessable', `owner ${owner} is not known at site ${site}; make the actor first`, { owner })
  }
  if (owner === null && gateKinds.some((kind) => governance[kind].ownerMustApprove)) {
    refuse('unprocessable', `family ${family} asks for its owner's approval but has no owner; name one, or drop ownerMustApprove`, { family })
  }
}
