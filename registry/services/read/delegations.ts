import { demand, type Actor } from '../../domain/access/rights.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { delegationColumns, runsAt, toDelegation, type DelegationColumns } from '../../store/delegations.ts'
import { usToTimestamp } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { ofSite } from './rows.ts'

export interface DelegationView {
  readonly id: string
  readonly site: string
  /** Null: every family of the site. */
  readonly family: string | null
  readonly delegator: string
  readonly delegate: string
  readonly reason: string
  readonly madeAt: string
  readonly until: string
  readonly revokedAt: string | null
  readonly revokedBy: string | null
  readonly state: 'running' | 'ended' | 'revoked'
}

export interface DelegationsInput extends PageInput {
  readonly site: string
  /** Only those that run. */
  readonly running?: boolean | undefined
  /** Only those that the reader gave or holds. */
  readonly mine?: boolean | undefined
}

/** Delegations, newest first. `site` may be `*`. */
export async function listDelegations(ctx: ServiceContext, actor: Actor, input: DelegationsInput): Promise<Page<DelegationView>> {
  demand(actor, 'read', input.site)
  const nowUs = ctx.nowUs()
  const [beforeUs, beforeId] = decodeCursor(input.cursor, ['number', 'string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<DelegationColumns>(
    `select ${delegationColumns} from delegation d
     where ${ofSite(tx, 'd.site_id')} and (not $1::boolean or (${runsAt('$2')})) and (not $3::boolean or $4 in (d.delegator_id, d.delegate_id))
       and ($5::bigint is null or (d.made_at, d.delegation_id) < (${usToTimestamp('$5')}, $6::uuid))
     order by d.made_at desc, d.delegation_id desc limit $7`,
    [input.running ?? false, nowUs, input.mine ?? false, actor.id, beforeUs, beforeId, input.limit + 1],
  )).rows)
  return toPage(rows.map(toDelegation), input.limit, ({ madeUs, endsUs, revokedUs, ...row }) => ({
    ...row, madeAt: microsToIso(madeUs), until: microsToIso(endsUs), revokedAt: revokedUs === null ? null : microsToIso(revokedUs),
    state: revokedUs !== null ? 'revoked' as const : nowUs < endsUs ? 'running' as const : 'ended' as const,
  }), (row) => [row.madeUs, row.id])
}
