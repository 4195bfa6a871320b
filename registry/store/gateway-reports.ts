import type { ArrivedReport } from '../domain/contract/gateway-report.ts'
import { usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/**
 * Keeps a report as the gateway's newest. One that was sent before the newest changes nothing, unless that is minutes
 * old: then the gateway's clock was set back, and is not to silence it.
 */
export async function putReport(tx: Tx, { site, gateway, epoch, version, startedUs, sentUs, status, judging }: ArrivedReport, receivedUs: number): Promise<void> {
  await tx.query(
    `insert into gateway_report (site_id, gateway_id, epoch, version, started_at, sent_at, reported_at, status, judging)
     values ($1, $2, $3, $4, ${usToTimestamp('$5')}, ${usToTimestamp('$6')}, ${usToTimestamp('$7')}, $8, $9)
     on conflict (site_id, gateway_id) do update
        set epoch = excluded.epoch, version = excluded.version, started_at = excluded.started_at, sent_at = excluded.sent_at,
            reported_at = excluded.reported_at, status = excluded.status, judging = excluded.judging
      where excluded.sent_at >= gateway_report.sent_at or excluded.reported_at > gateway_report.reported_at + interval '2 minutes'`,
    [site, gateway, epoch, version, startedUs, sentUs, receivedUs, JSON.stringify(status), judging && JSON.stringify(judging)],
  )
}

export interface GatewayMapping { readonly digest: string; readonly document: Readonly<Record<string, unknown>> }

/** Keeps tag maps under their digests; what is known already stays. */
export async function insertMappings(tx: Tx, site: string, gateway: string, mappings: readonly GatewayMapping[], seenUs: number): Promise<void> {
  if (mappings.length === 0) return
  await tx.query(
    `insert into gateway_mapping (site_id, gateway_id, digest, document, first_seen_at)
     select $1, $2, m.digest, m.document, ${usToTimestamp('$3')} from unnest($4::text[], $5::jsonb[]) as m (digest, document)
     on conflict do nothing`,
    [site, gateway, seenUs, mappings.map(({ digest }) => digest), mappings.map(({ document }) => JSON.stringify(document))],
  )
}
