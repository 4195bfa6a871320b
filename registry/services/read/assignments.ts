import { demand, type Actor } from '../../domain/access/rights.ts'
import { usToTimestamp } from '../../store/sql-time.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, encodeCursor, type Page, type PageInput } from './page.ts'
import { fromUsOf, iso, isoOrNull, ofSite, toUsOf } from './rows.ts'

/** A release in a role over a scope for a time. */
export interface AssignmentView {
  readonly id: string
  readonly site: string
  readonly family: string
  readonly release: string
  readonly role: 'champion' | 'challenger' | 'shadow'
  /** kind:id, e.g. family:pumps. */
  readonly scope: string
  readonly from: string
  /** Null: until further notice. */
  readonly to: string | null
  readonly model: string
  readonly policy: number
  readonly gate: string | null
  readonly assignedBy: string
  readonly reason: string
}

interface Row {
  assignment_id: string; site_id: string; family_id: string; release_id: string; role: AssignmentView['role']; scope_kind: string; scope_id: string
  from_us: string; to_us: string | null; name: string; model_version: number; policy_version: number; gate_id: string | null
  assigned_by: string; reason: string
}

export interface AssignmentFilter {
  readonly family?: string | undefined
  readonly role?: string | undefined
  readonly inForceAtUs?: number | undefined
}

/** What was put in force, newest first; with an instant, only what was in force then. */
export async function listAssignments(ctx: ServiceContext, actor: Actor, input: PageInput & AssignmentFilter & { site: string }): Promise<Page<AssignmentView>> {
  demand(actor, 'read', input.site)
  const before = decodeCursor(input.cursor, ['string', 'string'])
  return inSite(ctx.pool, input.site, async (tx) => {
    const found = await assignmentRows(tx, input, before, input.limit + 1)
    const items = found.slice(0, input.limit)
    const last = items.at(-1)
    return { items, nextCursor: found.length > input.limit && last ? encodeCursor([last.from, last.id]) : null }
  })
}

async function assignmentRows(
  tx: Tx, filter: AssignmentFilter, before: readonly (string | number | null)[], limit: number,
): Promise<AssignmentView[]> {
  const { rows } = await tx.query<Row>(
    `select s.assignment_id, s.site_id, s.family_id, r.release_id, s.role, s.scope_kind, s.scope_id, ${fromUsOf('s.valid')} as from_us,
            ${toUsOf('s.valid')} as to_us, m.name, m.version as model_version, p.version as policy_version, s.gate_id, s.assigned_by, s.reason
     from assignment s
     join release r using (release_ref)
     join model_version m on m.model_version_ref = r.model_version_ref
     join policy p on p.policy_ref = r.policy_ref
     where ${ofSite(tx, 's.site_id')} and ($1::text is null or s.family_id = $1) and ($2::text is null or s.role = $2)
       and ($3::bigint is null or (s.holds_from <= ${usToTimestamp('$3')} and s.holds_to > ${usToTimestamp('$3')}))
       and ($4::timestamptz is null or (lower(s.valid), s.assignment_id) < ($4, $5::uuid))
     order by lower(s.valid) desc, s.assignment_id desc limit $6`,
    [filter.family ?? null, filter.role ?? null, filter.inForceAtUs ?? null, before[0] ?? null, before[1] ?? null, limit],
  )
  return rows.map((row) => ({
    id: row.assignment_id, site: row.site_id, family: row.family_id, release: row.release_id, role: row.role,
    scope: `${row.scope_kind}:${row.scope_id}`, from: iso(row.from_us), to: isoOrNull(row.to_us), model: `${row.name}@${row.model_version}`,
    policy: row.policy_version, gate: row.gate_id, assignedBy: row.assigned_by, reason: row.reason,
  }))
}
