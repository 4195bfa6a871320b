import { demand, may, type Actor, type Role } from '../../domain/access/rights.ts'
import { gateRulesSchema, type GateState } from '../../domain/gates/gate.ts'
import type { GateKind } from '../../domain/governance/family.ts'
import { refuse } from '../../domain/errors.ts'
import { timestampToUs, usToTimestamp } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { evidenceAge, type EvidenceAge } from './evidence-age.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { iso, isoOrNull, ofSite } from './rows.ts'

export interface GateView {
  readonly id: string
  readonly site: string
  readonly family: string
  readonly kind: GateKind
  readonly release: string
  readonly replaces: string | null
  readonly role: string
  readonly scope: string
  readonly state: GateState | 'collecting'
  readonly reason: string
  readonly requestedBy: string
  readonly author: string
  readonly authors: readonly string[]
  readonly requestedAt: string
  readonly expiresAt: string
  readonly closedAt: string | null
  readonly closedBecause: string | null
  readonly evidenceDigest: string | null
  readonly requiredApprovals: number
  readonly approvals: number
  /** The reader could decide it: has a role it asks for, made no part of it, and has not decided. */
  readonly waitingForMe: boolean
}

export interface GateDetail extends GateView {
  readonly workflowId: string
  readonly evidence: unknown
  readonly evidenceCommit: number | null
  readonly evidenceAge: EvidenceAge | null
  readonly rules: unknown
  readonly decisions: readonly {
    readonly actor: string; readonly roles: readonly Role[]; readonly verdict: 'approve' | 'reject'; readonly comment: string; readonly at: string
  }[]
}

interface Row {
  gate_id: string; site_id: string; family_id: string; kind: GateKind; release_id: string; replaces_id: string | null; role: string
  scope_kind: string; scope_id: string; state: GateView['state']; reason: string; requested_by: string; authors: string[]; requested_us: string
  expires_us: string; closed_us: string | null; closed_because: string | null; evidence_digest: string | null; rules: unknown
  approvals: number; decided_by_me: boolean; workflow_id: string; evidence: unknown; evidence_commit: string | null
}

/** $1 is the reader. */
const COLUMNS = `g.gate_id, g.site_id, g.family_id, g.kind, r.release_id, o.release_id as replaces_id, g.role, g.scope_kind, g.scope_id, g.state, g.reason,
  g.requested_by, g.authors, ${timestampToUs('g.requested_at')} as requested_us, ${timestampToUs('g.expires_at')} as expires_us,
  ${timestampToUs('g.closed_at')} as closed_us, g.closed_because, g.evidence_digest, g.rules, g.workflow_id,
  (select count(*) from gate_decision d where d.gate_id = g.gate_id and d.verdict = 'approve')::integer as approvals,
  exists (select 1 from gate_decision d where d.gate_id = g.gate_id and d.actor_id = $1) as decided_by_me`
const FROM = `from gate g
  join release r on r.release_ref = g.release_ref
  left join release o on o.release_ref = g.replaces_release_ref`

export interface GatesInput extends PageInput {
  readonly site: string
  readonly state?: GateView['state'] | undefined
  readonly family?: string | undefined
  readonly waitingForMe?: boolean | undefined
}

/** Gates, newest first. `site` may be `*`. */
export async function listGates(ctx: ServiceContext, actor: Actor, input: GatesInput): Promise<Page<GateView>> {
  demand(actor, 'read', input.site)
  const [beforeUs, beforeId] = decodeCursor(input.cursor, ['number', 'string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<Row>(
    `select ${COLUMNS} ${FROM}
     where ${ofSite(tx, 'g.site_id')} and ($2::text is null or g.state = $2) and ($3::text is null or g.family_id = $3)
       and (not $4::boolean or (g.state = 'open' and g.requested_by <> $1 and not $1 = any(g.authors)
            and not exists (select 1 from gate_decision d where d.gate_id = g.gate_id and d.actor_id = $1)
            and exists (select 1 from jsonb_array_elements_text(g.rules->'roles') as asked(name) where asked.name = any($5::text[]))))
       and ($6::bigint is null or (g.requested_at, g.gate_id) < (${usToTimestamp('$6')}, $7::uuid))
     order by g.requested_at desc, g.gate_id desc limit $8`,
    [actor.id, input.state ?? null, input.family ?? null, input.waitingForMe ?? false, actor.roles, beforeUs, beforeId, input.limit + 1],
  )).rows)
  return toPage(rows, input.limit, (row) => viewOf(row, actor), (row) => [Number(row.requested_us), row.gate_id])
}

/** One gate with its evidence and who decided what. Refuses (`not_found`). */
export async function getGate(ctx: ServiceContext, actor: Actor, input: { site: string; gate: string }): Promise<GateDetail> {
  demand(actor, 'read', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const { rows } = await tx.query<Row>(
      `select ${COLUMNS}, g.evidence, g.evidence_commit ${FROM} where ${ofSite(tx, 'g.site_id')} and g.gate_id = $2`, [actor.id, input.gate],
    )
    const row = rows[0]
    if (!row) return refuse('not_found', `there is no gate ${input.gate}; GET /v1/gates lists them`, { gate: input.gate })
    const decisions = await tx.query<{ actor_id: string; actor_roles: Role[]; verdict: 'approve' | 'reject'; comment: string; at_us: string }>(
      `select actor_id, actor_roles, verdict, comment, ${timestampToUs('decided_at')} as at_us from gate_decision where gate_id = $1 order by gate_decision_id`,
      [input.gate],
    )
    return {
      ...viewOf(row, actor), workflowId: row.workflow_id, evidence: row.evidence ?? null,
      evidenceCommit: row.evidence_commit === null ? null : Number(row.evidence_commit), evidenceAge: await evidenceAge(tx, input.gate, ctx.nowUs()), rules: row.rules,
      decisions: decisions.rows.map((d) => ({ actor: d.actor_id, roles: d.actor_roles, verdict: d.verdict, comment: d.comment, at: iso(d.at_us) })),
    }
  })
}

function viewOf(row: Row, actor: Actor): GateView {
  const rules = gateRulesSchema.parse(row.rules)
  return {
    id: row.gate_id, site: row.site_id, family: row.family_id, kind: row.kind, release: row.release_id, replaces: row.replaces_id, role: row.role,
    scope: `${row.scope_kind}:${row.scope_id}`, state: row.state, reason: row.reason, requestedBy: row.requested_by,
    author: row.authors[0] ?? row.requested_by, authors: row.authors, requestedAt: iso(row.requested_us), expiresAt: iso(row.expires_us),
    closedAt: isoOrNull(row.closed_us), closedBecause: row.closed_because, evidenceDigest: row.evidence_digest,
    requiredApprovals: rules.requiredApprovals, approvals: row.approvals,
    waitingForMe: row.state === 'open' && may(actor, 'gate.decide', row.site_id) && row.requested_by !== actor.id && !row.authors.includes(actor.id)
      && !row.decided_by_me && rules.roles.some((role) => actor.roles.includes(role)),
  }
}
