import { demand, type Actor } from '../../domain/access/rights.ts'
import { judgingReportSchema } from '../../domain/contract/gateway-report.ts'
import type { JudgedDifference } from '../../domain/replay/compare-judged.ts'
import { timestampToUs } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { demandGateway } from './gateways.ts'
import { iso } from './rows.ts'

/** What judges at a gateway, what it was told to install, and what came of holding its judgement against the platform's. */
export interface GatewayJudgement {
  /** By its newest report; null: a version that judges nothing, or none yet. */
  readonly node: string | null
  readonly trustedKeys: readonly string[]
  readonly machines: readonly { readonly asset: string; readonly release: string | null; readonly issue: number }[]
  readonly orders: readonly { readonly id: string; readonly release: string | null; readonly assets: readonly string[]; readonly state: string; readonly detail: string | null; readonly requestedAt: string }[]
  readonly compared: readonly ComparedWindows[]
}

export interface ComparedWindows {
  readonly asset: string
  readonly release: string
  readonly issue: number
  readonly agreeing: number
  readonly differing: number
  readonly otherRelease: number
  readonly absent: number
  readonly from: string
  readonly to: string
  readonly largestDifference: number
  readonly firstDifference: (Omit<JudgedDifference, 'windowEndUs'> & { readonly windowEnd: string }) | null
}

/** Refuses (`not_found`) a gateway that was never heard of. */
export async function getGatewayJudgement(ctx: Pick<ServiceContext, 'pool'>, actor: Actor, { site, gateway }: { site: string; gateway: string }): Promise<GatewayJudgement> {
  demand(actor, 'read', site)
  return inSite(ctx.pool, site, async (tx) => {
    await demandGateway(tx, site, gateway)
    const { rows: [report] } = await tx.query<{ judging: unknown }>('select judging from gateway_report where site_id = $1 and gateway_id = $2', [site, gateway])
    const judging = judgingReportSchema.safeParse(report?.judging).data
    const { rows: names } = await tx.query<{ digest: string; release_id: string }>('select digest, release_id from release where site_id = $1 and digest = any($2)', [site, judging?.bundles.map(({ release }) => release) ?? []])
    const idOf = (digest: string) => names.find((one) => one.digest === digest)?.release_id ?? null
    const { rows: orders } = await tx.query<{ command_id: string; release_id: string | null; assets: string[] | null; state: string; detail: string | null; requested_us: string }>(
      `select command_id, (select release_id from release where site_id = c.site_id and digest = c.about->>'release') as release_id, array(select jsonb_array_elements_text(c.about->'assets')) as assets,
              state, detail, ${timestampToUs('requested_at')} as requested_us
         from gateway_command c where site_id = $1 and gateway_id = $2 and kind = 'install-bundle' order by requested_at desc, command_id desc limit 50`, [site, gateway])
    const { rows: compared } = await tx.query<{
      asset_id: string; release_id: string; issue: string; agreeing: string; differing: string; other_release: string; absent: string; first_us: string; last_us: string; largest: number; first_difference: JudgedDifference | null
    }>(
      `select asset_id, release_id, issue, agreeing, differing, other_release, absent, ${timestampToUs('first_end')} as first_us, ${timestampToUs('last_end')} as last_us, largest, first_difference
         from local_judgement where site_id = $1 and gateway_id = $2 order by last_end desc, asset_id limit 1000`, [site, gateway])
    return {
      node: judging?.node ?? null, trustedKeys: judging?.keys ?? [],
      machines: judging?.bundles.map(({ asset, release, issue }) => ({ asset, release: idOf(release), issue })) ?? [],
      orders: orders.map((row) => ({ id: row.command_id, release: row.release_id, assets: row.assets ?? [], state: row.state, detail: row.detail, requestedAt: iso(row.requested_us) })),
      compared: compared.map((row) => ({
        asset: row.asset_id, release: row.release_id, issue: Number(row.issue), agreeing: Number(row.agreeing), differing: Number(row.differing), otherRelease: Number(row.other_release),
        absent: Number(row.absent), from: iso(row.first_us), to: iso(row.last_us), largestDifference: row.largest,
        firstDifference: row.first_difference && { what: row.first_difference.what, gateway: row.first_difference.gateway, platform: row.first_difference.platform, windowEnd: iso(String(row.first_difference.windowEndUs)) },
      })),
    }
  })
}
