import type { CommandState } from './gateway-commands.ts'
import { timestampToUs, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** Gateways that said within the last quarter of an hour whose bundles they trust. */
export async function gatewaysThatJudge(tx: Tx, nowUs: number): Promise<{ site: string; gateway: string; judging: unknown }[]> {
  const { rows } = await tx.query<{ site_id: string; gateway_id: string; judging: unknown }>(
    `select site_id, gateway_id, judging from gateway_report
      where reported_at > ${usToTimestamp('$1')} - interval '15 minutes' and jsonb_array_length(judging->'keys') > 0 order by site_id, gateway_id`, [nowUs])
  return rows.map(({ site_id, gateway_id, judging }) => ({ site: site_id, gateway: gateway_id, judging }))
}

export interface BundleOrder { readonly release: string; readonly assets: readonly string[]; readonly state: CommandState; readonly updatedUs: number }

/** What a gateway was told to install, newest first. */
export async function bundleOrders(tx: Tx, site: string, gateway: string): Promise<BundleOrder[]> {
  const { rows } = await tx.query<{ about: { release: string; assets: string[] }; state: CommandState; updated_us: string }>(
    `select about, state, ${timestampToUs('updated_at')} as updated_us from gateway_command
      where site_id = $1 and gateway_id = $2 and kind = 'install-bundle' order by requested_at desc, command_id desc limit 1000`, [site, gateway])
  return rows.map(({ about, state, updated_us }) => ({ release: about.release, assets: about.assets, state, updatedUs: Number(updated_us) }))
}

/** Where the file lies that an open order of a gateway names; undefined: no order names it. */
export async function fileOfOrder(tx: Tx, site: string, gateway: string, digest: string): Promise<{ bucket: string; key: string } | undefined> {
  const { rows } = await tx.query<{ file: { bucket: string; key: string } }>(
    `select about->'file' as file from gateway_command
      where site_id = $1 and gateway_id = $2 and state in ('pending', 'accepted') and body->>'digest' = $3 and about ? 'file' limit 1`, [site, gateway, digest])
  return rows[0]?.file
}
