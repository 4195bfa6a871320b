import { demand, type Actor } from '../../domain/access/rights.ts'
import type { Policy } from '../../domain/policy/policy.ts'
import { timestampToUs } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { iso } from './rows.ts'

export interface PolicyView {
  readonly family: string
  readonly version: number
  readonly digest: string
  readonly definition: Policy
  readonly createdBy: string
  readonly createdAt: string
}

/** Policy versions, newest first. */
export async function listPolicies(
  ctx: ServiceContext, actor: Actor, input: PageInput & { site: string; family?: string | undefined },
): Promise<Page<PolicyView>> {
  demand(actor, 'read', input.site)
  const [before] = decodeCursor(input.cursor, ['number'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<{
    policy_ref: number; family_id: string; version: number; digest: string; definition: Policy; created_by: string; created_us: string
  }>(
    `select policy_ref, family_id, version, digest, definition, created_by, ${timestampToUs('created_at')} as created_us from policy
     where site_id = $1 and ($2::text is null or family_id = $2) and ($3::integer is null or policy_ref < $3) order by policy_ref desc limit $4`,
    [input.site, input.family ?? null, before, input.limit + 1],
  )).rows)
  return toPage(rows, input.limit, (row): PolicyView => ({
    family: row.family_id, version: row.version, digest: row.digest, definition: row.definition, createdBy: row.created_by, createdAt: iso(row.created_us),
  }), (row) => [row.policy_ref])
}
