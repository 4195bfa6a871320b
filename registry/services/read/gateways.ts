import { demand, may, type Actor } from '../../domain/access/rights.ts'
import type { Lane } from '../../domain/contract/batch.ts'
import type { GatewayStatus } from '../../domain/contract/gateway-report.ts'
import { refuse } from '../../domain/errors.ts'
import { gatewayState, type GatewayState } from '../../domain/twin/gateway-state.ts'
import { timestampToUs } from '../../store/sql-time.ts'
import { ALL_SITES, inSite, type Tx } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { iso, isoOrNull, ofSite } from './rows.ts'

/** How far a gateway has come, and how it is by its newest report. */
export interface GatewayView {
  readonly site: string
  readonly id: string
  readonly state: GatewayState
  readonly problems: readonly string[]
  readonly version: string | null
  readonly firstSeenAt: string
  readonly lastSeenAt: string
  readonly lastReportAt: string | null
  readonly clockSkewUs: number | null
  /** Readings that have not left the gateway. */
  readonly bufferedRows: number | null
  readonly bufferedBytes: number | null
  readonly oldestBufferedAt: string | null
  readonly openGaps: number
  /** By the certificate that lasts longest; null for one that shows none. */
  readonly certificateNotAfter: string | null
  /** Shut out, and not enrolled again since. */
  readonly revoked: boolean
  readonly epochs: readonly {
    readonly epoch: string; readonly lane: Lane; readonly completeThrough: string; readonly lastSequence: number; readonly lastBatchAt: string
  }[]
}

export interface GatewayDetail extends GatewayView {
  readonly startedAt: string | null
  /** As it said it itself; null without a report. */
  readonly status: GatewayStatus | null
}

interface Row {
  site_id: string; gateway_id: string; first_us: string; last_us: string; arrival_skew: string | null; version: string | null; started_us: string | null
  reported_us: string | null; status: GatewayStatus | null; open_gaps: string; certificate_us: string | null; shut_by: string | null; shut_because: string | null
  shut_us: string | null; refused_us: string | null; refused_because: string | null; refused_address: string | null; copied_us: string | null
  epochs: { epoch: string; lane: Lane; through_us: number; last_sequence: number; batch_us: number }[]
}

const select = (where: string, rest: string) => `
  select g.site_id, g.gateway_id, ${timestampToUs('g.first_seen_at')} as first_us, ${timestampToUs('g.last_seen_at')} as last_us, g.clock_skew_us as arrival_skew,
         r.version, ${timestampToUs('r.started_at')} as started_us, ${timestampToUs('r.reported_at')} as reported_us, r.status,
         (select count(*) from gap where site_id = g.site_id and gateway_id = g.gateway_id and to_at is null) as open_gaps,
         (select ${timestampToUs('max(not_after)')} from gateway_certificate where site_id = g.site_id and gateway_id = g.gateway_id and revoked_at is null) as certificate_us,
         ${timestampToUs('a.shut_at')} as shut_us, a.shut_by, a.shut_because, ${timestampToUs('a.refused_at')} as refused_us, a.refused_because, a.refused_address,
         ${timestampToUs('a.copied_at')} as copied_us,
         (select coalesce(jsonb_agg(jsonb_build_object('epoch', l.epoch, 'lane', l.lane, 'through_us', ${timestampToUs('l.complete_through')},
                   'last_sequence', l.last_sequence, 'batch_us', ${timestampToUs('l.last_batch_at')}) order by l.last_batch_at desc), '[]')
            from gateway_lane l where l.site_id = g.site_id and l.gateway_id = g.gateway_id) as epochs
    from gateway g left join gateway_report r using (site_id, gateway_id) left join gateway_access a using (site_id, gateway_id) where ${where} ${rest}`

/** Every gateway of the actor's sites, those heard of last come first. */
export async function listAllGateways(ctx: ServiceContext, actor: Actor): Promise<GatewayView[]> {
  const sites = actor.sites === '*' ? null : actor.sites.filter((site) => may(actor, 'read', site))
  const rows = await inSite(ctx.pool, ALL_SITES, async (tx) => (await tx.query<Row>(
    select('$1::text[] is null or g.site_id = any($1)', 'order by g.last_seen_at desc, g.site_id, g.gateway_id limit 1000'), [sites])).rows)
  return rows.map((row) => viewOf(row, ctx.nowUs()))
}

/** Gateways by site and id. `site` may be `*`. */
export async function listGateways(ctx: ServiceContext, actor: Actor, input: PageInput & { site: string }): Promise<Page<GatewayView>> {
  demand(actor, 'read', input.site)
  const after = decodeCursor(input.cursor, ['string', 'string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<Row>(
    select(`${ofSite(tx, 'g.site_id')} and ($1::text is null or (g.site_id, g.gateway_id) > ($1, $2))`, 'order by g.site_id, g.gateway_id limit $3'),
    [...after, input.limit + 1])).rows)
  return toPage(rows, input.limit, (row) => viewOf(row, ctx.nowUs()), (row) => [row.site_id, row.gateway_id])
}

/** One gateway with all that it last said of itself. Refuses (`not_found`) one that was never heard of. */
export async function getGateway(ctx: ServiceContext, actor: Actor, { site, gateway }: { site: string; gateway: string }): Promise<GatewayDetail> {
  demand(actor, 'read', site)
  const rows = await inSite(ctx.pool, site, async (tx) => (await tx.query<Row>(select('g.site_id = $1 and g.gateway_id = $2', ''), [site, gateway])).rows)
  const row = rows[0] ?? refuse('not_found', unheard(site, gateway), { gateway })
  return { ...viewOf(row, ctx.nowUs()), startedAt: isoOrNull(row.started_us), status: row.status }
}

/** Refuses (`not_found`) a gateway that was never heard of. */
export async function demandGateway(tx: Tx, site: string, gateway: string): Promise<void> {
  const { rowCount } = await tx.query('select 1 from gateway where site_id = $1 and gateway_id = $2', [site, gateway])
  if (rowCount !== 1) refuse('not_found', unheard(site, gateway), { gateway })
}

const unheard = (site: string, gateway: string) => `site ${site} has not heard of a gateway ${gateway}; GET /v1/gateways lists those it has`

export interface MappingView { readonly digest: string; readonly firstSeenAt: string; readonly document: Readonly<Record<string, unknown>> }

/** The tag maps a gateway has read by, newest first. */
export async function listMappings(ctx: ServiceContext, actor: Actor, input: PageInput & { site: string; gateway: string }): Promise<Page<MappingView>> {
  demand(actor, 'read', input.site)
  const [before, digest] = decodeCursor(input.cursor, ['string', 'string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => {
    await demandGateway(tx, input.site, input.gateway)
    return (await tx.query<{ digest: string; seen_us: string; document: Record<string, unknown> }>(
      `select digest, ${timestampToUs('first_seen_at')} as seen_us, document from gateway_mapping
        where site_id = $1 and gateway_id = $2 and ($3::bigint is null or (${timestampToUs('first_seen_at')}, digest) < ($3, $4))
        order by first_seen_at desc, digest desc limit $5`,
      [input.site, input.gateway, before, digest, input.limit + 1])).rows
  })
  return toPage(rows, input.limit, (row) => ({ digest: row.digest, firstSeenAt: iso(row.seen_us), document: row.document }), (row) => [row.seen_us, row.digest])
}

function viewOf(row: Row, nowUs: number): GatewayView {
  const buffer = row.status?.buffer
  const { state, problems, clockSkewUs } = gatewayState({
    status: row.status, reportedUs: row.reported_us === null ? null : Number(row.reported_us), arrivalSkewUs: row.arrival_skew === null ? null : Number(row.arrival_skew),
    shutOut: row.shut_us !== null, access: accessProblems(row),
  }, nowUs)
  return {
    site: row.site_id, id: row.gateway_id, state, problems, version: row.version, firstSeenAt: iso(row.first_us), lastSeenAt: iso(row.last_us),
    lastReportAt: isoOrNull(row.reported_us), clockSkewUs, bufferedRows: buffer?.rows ?? null, bufferedBytes: buffer?.bytes ?? null,
    oldestBufferedAt: buffer && buffer.oldestUs !== null ? iso(String(buffer.oldestUs)) : null, openGaps: Number(row.open_gaps),
    certificateNotAfter: isoOrNull(row.certificate_us), revoked: row.shut_us !== null,
    epochs: row.epochs.map((l) => ({
      epoch: l.epoch, lane: l.lane, completeThrough: iso(String(l.through_us)), lastSequence: l.last_sequence, lastBatchAt: iso(String(l.batch_us)),
    })),
  }
}

/** What the door and the landing have to say of it, most urgent first. */
function accessProblems(row: Row): string[] {
  // What it was told before it last reported has been mended.
  const refused = row.refused_us !== null && Number(row.refused_us) > Number(row.reported_us ?? 0)
  return [
    ...(row.copied_us === null ? [] : [`it is there twice, seen ${iso(row.copied_us)}: its disk was copied or its key stolen. Revoke it (twinward gateways revoke ${row.gateway_id} --site ${row.site_id}), then enrol the rightful one again`]),
    ...(row.shut_us === null ? [] : [`shut out by ${row.shut_by ?? 'nobody'} at ${iso(row.shut_us).slice(0, 16).replace('T', ' ')} UTC (${row.shut_because ?? ''}); to let the rightful one in: twinward gateways enrol ${row.gateway_id} --site ${row.site_id}`]),
    ...(refused && row.shut_us === null ? [`turned away at ${iso(row.refused_us ?? '0')}${row.refused_address === null ? '' : ` (${row.refused_address})`}: ${row.refused_because ?? ''}`] : []),
  ]
}
