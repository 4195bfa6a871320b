import { demand, type Actor } from '../../domain/access/rights.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import type { ReviewState } from '../../domain/gates/gate.ts'
import { lettingGate, reaches, scopeKinds, type SeatScope } from '../../store/assignments.ts'
import { getFamily } from '../../store/families.ts'
import { timestampToUs, usToTimestamp } from '../../store/sql-time.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { fromUsOf, iso, isoOrNull, toUsOf } from './rows.ts'

/** One release in a role over a scope, with all that an auditor asks of it. */
export interface InForce {
  readonly assignment: string
  readonly family: string
  readonly role: 'champion' | 'challenger' | 'shadow'
  /** kind:id, e.g. family:pumps; slice:id is the canary of the rollout of that id. */
  readonly scope: string
  readonly from: string
  /** Null: until further notice. */
  readonly to: string | null
  readonly release: { readonly id: string; readonly digest: string }
  readonly model: { readonly name: string; readonly version: number; readonly digest: string }
  readonly featureSet: { readonly name: string; readonly version: number; readonly digest: string }
  readonly policy: { readonly version: number; readonly digest: string }
  readonly assignedBy: string
  readonly reason: string
  /** Null: assigned without any gate, now or before. */
  readonly approval: Approval | null
}

export interface Approval {
  readonly gate: string
  /** False: the gate let the same release into the same seat before, and a roll back put it there again. */
  readonly ofThisAssignment: boolean
  readonly requestedBy: string
  /** `emergency`: alone, for a declared reason; `review`: confirmed that afterwards. */
  readonly approvers: readonly {
    readonly actor: string; readonly onBehalfOf: string | null; readonly roles: readonly string[]; readonly stage: 'decision' | 'emergency' | 'review'; readonly at: string
  }[]
  /** Let in by one person alone: who, why, and what came of its review, which is due by then. Null: approved by the rules. */
  readonly emergency: { readonly by: string; readonly reason: string; readonly review: ReviewState; readonly due: string } | null
  readonly evidenceDigest: string | null
  /** The commit number the evidence was frozen at. */
  readonly evidenceCommit: number | null
}

/** What judges one asset in one role, and why this and nothing else. */
export interface AssetInForce extends InForce {
  readonly because: string
  /** In force as well, over wider scopes that give way. */
  readonly overrules: readonly { readonly assignment: string; readonly scope: string; readonly release: string }[]
}

/** What judges a family at an instant, by role and scope; absent: now. Refuses (`not_found`) an unknown family. */
export async function familyInForce(
  ctx: ServiceContext, actor: Actor, input: { site: string; family: string; atUs?: number | undefined },
): Promise<InForce[]> {
  demand(actor, 'read', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    await getFamily(tx, input.site, input.family)
    return (await inForceRows(tx, input.site, input.family, input.atUs ?? ctx.nowUs())).map(viewOf)
  })
}

/**
 * What judges an asset at an instant: one answer for each role. It is asked for where the asset stood then; the
 * narrowest scope wins. Refuses (`not_found`) an unknown asset, and one that stood nowhere at that instant.
 */
export async function assetInForce(
  ctx: ServiceContext, actor: Actor, input: { site: string; asset: string; atUs?: number | undefined },
): Promise<AssetInForce[]> {
  demand(actor, 'read', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const atUs = input.atUs ?? ctx.nowUs()
    const place = await placeAt(tx, input.site, input.asset, atUs)
    const rows = (await inForceRows(tx, input.site, place.family, atUs, { asset: input.asset, line: place.line })).filter(({ reached }) => reached)
    const roles = [...new Set(rows.map(({ role }) => role))]
    return roles.flatMap((role) => {
      const [first, ...wider] = rows.filter((row) => row.role === role).sort((a, b) => scopeKinds.indexOf(a.scope_kind) - scopeKinds.indexOf(b.scope_kind))
      if (!first) return []
      return [{
        ...viewOf(first), because: becauseOf(first, wider.length > 0),
        overrules: wider.map((row) => ({ assignment: row.assignment_id, scope: `${row.scope_kind}:${row.scope_id}`, release: row.release_id })),
      }]
    })
  })
}

function becauseOf({ scope_kind: kind, scope_id: id }: Row, narrowest: boolean): string {
  const over = kind === 'asset' ? 'assigned to this very asset' : kind === 'slice' ? `assigned to the canary of rollout ${id}, which it is part of` : `assigned to its ${kind} ${id}`
  return narrowest ? `${over}; the narrower scope wins` : over
}

async function placeAt(tx: Tx, site: string, asset: string, atUs: number): Promise<{ family: string; line: string }> {
  const { rows } = await tx.query<{ family_id: string | null; line_id: string | null }>(
    `select v.family_id, v.line_id from asset a
     left join asset_version v on v.asset_ref = a.asset_ref and v.valid @> ${usToTimestamp('$3')}
     where a.site_id = $1 and a.asset_id = $2`,
    [site, asset, atUs],
  )
  const row = rows[0] ?? refuse('not_found', `site ${site} has no asset ${asset}; GET /v1/assets lists those it has`, { asset })
  if (row.family_id === null || row.line_id === null) return refuse('not_found', `asset ${asset} stood nowhere at that instant; GET /v1/assets/${asset} has its history`, { asset })
  return { family: row.family_id, line: row.line_id }
}

interface Row {
  assignment_id: string; family_id: string; role: InForce['role']; scope_kind: SeatScope['kind']; scope_id: string; reached: boolean; from_us: string; to_us: string | null
  release_id: string; release_digest: string; model_name: string; model_version: number; model_digest: string
  set_name: string; set_version: number; set_digest: string; policy_version: number; policy_digest: string; assigned_by: string; reason: string
  own_gate: boolean; gate_id: string | null; requested_by: string | null; evidence_digest: string | null; evidence_commit: string | null
  review_state: ReviewState | null; review_due_us: string | null; approvers: (Omit<Approval['approvers'][number], 'at'> & { at_us: number; comment: string })[] | null
}

/** Assignments of a family whose time holds the instant, each with the gate that let its release in; of an asset, whether they reach it. */
async function inForceRows(tx: Tx, site: string, family: string, atUs: number, of: { asset: string; line: string } | null = null): Promise<Row[]> {
  const { rows } = await tx.query<Row>(
    `select a.assignment_id, a.family_id, a.role, a.scope_kind, a.scope_id, ${reaches({ kind: 'a.scope_kind', id: 'a.scope_id' }, { id: '$4::text', line: '$5::text', family: '$2' })} as reached, ${fromUsOf('a.valid')} as from_us, ${toUsOf('a.valid')} as to_us,
            r.release_id, r.digest as release_digest, m.name as model_name, m.version as model_version, m.digest as model_digest,
            f.name as set_name, f.version as set_version, f.digest as set_digest, p.version as policy_version, p.digest as policy_digest,
            a.assigned_by, a.reason, a.gate_id is not null as own_gate, g.gate_id, g.requested_by, g.evidence_digest, g.evidence_commit, g.review_state,
            ${timestampToUs('g.review_due_at')} as review_due_us, d.approvers
     from assignment a
     join release r using (release_ref)
     join model_version m on m.model_version_ref = r.model_version_ref
     join feature_set f on f.feature_set_ref = r.feature_set_ref
     join policy p on p.policy_ref = r.policy_ref
     left join lateral ${lettingGate} through on true
     left join gate g on g.gate_id = through.gate_id
     left join lateral (
       select jsonb_agg(jsonb_build_object('actor', actor_id, 'onBehalfOf', on_behalf_of, 'roles', actor_roles, 'stage', stage, 'comment', comment,
                'at_us', ${timestampToUs('decided_at')}) order by gate_decision_id) as approvers
       from gate_decision where gate_id = g.gate_id and verdict = 'approve' and evidence_digest = g.evidence_digest
     ) d on true
     where a.site_id = $1 and a.family_id = $2 and a.holds_from <= ${usToTimestamp('$3')} and a.holds_to > ${usToTimestamp('$3')}
     order by case a.role when 'champion' then 1 when 'challenger' then 2 else 3 end, lower(a.valid) desc, a.assignment_id`,
    [site, family, atUs, of?.asset ?? null, of?.line ?? null],
  )
  return rows
}

function viewOf(row: Row): InForce {
  return {
    assignment: row.assignment_id, family: row.family_id, role: row.role, scope: `${row.scope_kind}:${row.scope_id}`, from: iso(row.from_us), to: isoOrNull(row.to_us),
    release: { id: row.release_id, digest: row.release_digest },
    model: { name: row.model_name, version: row.model_version, digest: row.model_digest },
    featureSet: { name: row.set_name, version: row.set_version, digest: row.set_digest },
    policy: { version: row.policy_version, digest: row.policy_digest },
    assignedBy: row.assigned_by, reason: row.reason,
    approval: row.gate_id === null ? null : {
      gate: row.gate_id, ofThisAssignment: row.own_gate, requestedBy: row.requested_by ?? '',
      approvers: (row.approvers ?? []).map(({ at_us, comment: _comment, ...approver }) => ({ ...approver, at: microsToIso(at_us) })),
      emergency: emergencyOf(row),
      evidenceDigest: row.evidence_digest, evidenceCommit: row.evidence_commit === null ? null : Number(row.evidence_commit),
    },
  }
}

function emergencyOf({ approvers, review_state: review, review_due_us: dueUs }: Row): Approval['emergency'] {
  const alone = approvers?.find(({ stage }) => stage === 'emergency')
  return alone === undefined || review === null || dueUs === null ? null : { by: alone.actor, reason: alone.comment, review, due: iso(dueUs) }
}
