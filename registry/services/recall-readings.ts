import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { instantSchema, slugSchema, tagKeySchema } from '../domain/contract/primitives.ts'
import { isoToMicros, microsToIso } from '../domain/contract/time.ts'
import { refuse } from '../domain/errors.ts'
import { EARLIEST_US, FUTURE_TOLERANCE_US } from '../domain/ingest/check-run.ts'
import { recordAudit } from '../store/audit.ts'
import { insertRecall, listCommands, type StoredCommand } from '../store/gateway-commands.ts'
import { inSite, type Tx } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'
import { demandGateway } from './read/gateways.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './read/page.ts'

export const recallInput = z.object({
  site: slugSchema,
  gateway: slugSchema,
  tags: z.array(tagKeySchema).min(1).max(1000),
  from: instantSchema.describe('Source time, inclusive'),
  to: instantSchema.describe('Source time, exclusive'),
})
export type RecallInput = z.infer<typeof recallInput>

export interface RecallView extends Pick<StoredCommand, 'id' | 'gateway' | 'tags' | 'state' | 'rows' | 'detail' | 'requestedBy'> {
  readonly from: string
  readonly to: string
  readonly requestedAt: string
  readonly updatedAt: string
}

/** A gateway reads its raw store from one end to the other for it. */
const LONGEST_US = 31 * 86_400_000_000

/**
 * Orders a gateway to ship again, as backfill, what its raw store still holds of these tags and this period. It gets the
 * order with the reply to its next report. Refuses (`invalid`) a period that cannot be, (`not_found`) a gateway or tag
 * that is not known, (`unprocessable`) a tag that another gateway reads.
 */
export async function recallReadings(ctx: ServiceContext, actor: Actor, input: RecallInput): Promise<RecallView> {
  const { site, gateway } = input
  demand(actor, 'gateway.recall', site)
  const nowUs = ctx.nowUs()
  const [fromUs, toUs] = [isoToMicros(input.from), isoToMicros(input.to)]
  if (toUs <= fromUs) refuse('invalid', 'to must come after from', { from: input.from, to: input.to })
  if (fromUs < EARLIEST_US) refuse('invalid', 'from lies before 1990; no readings are that old', { from: input.from })
  if (toUs > nowUs + FUTURE_TOLERANCE_US) refuse('invalid', 'to lies in the future; what is measured later comes by itself', { to: input.to })
  if (toUs - fromUs > LONGEST_US) refuse('invalid', 'a recall spans 31 days at the most; order it in parts', { from: input.from, to: input.to })
  const tags = [...new Set(input.tags)].sort()
  return inSite(ctx.pool, site, async (tx) => {
    await demandGateway(tx, site, gateway)
    await checkTags(tx, site, gateway, tags)
    const command = await insertRecall(tx, { site, gateway, tags, fromUs, toUs, requestedBy: actor.id, atUs: nowUs })
    await recordAudit(tx, { actor, verb: 'recall-readings', subject: `gateway-command/${command.id}`, detail: { gateway, tags, from: input.from, to: input.to } })
    return viewOf(command)
  })
}

/** A gateway's recalls, newest first. */
export async function listRecalls(ctx: ServiceContext, actor: Actor, input: PageInput & { site: string; gateway: string }): Promise<Page<RecallView>> {
  demand(actor, 'read', input.site)
  const before = decodeCursor(input.cursor, ['number', 'string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => {
    await demandGateway(tx, input.site, input.gateway)
    return listCommands(tx, input.site, input.gateway, before, input.limit + 1)
  })
  return toPage(rows, input.limit, viewOf, (row) => [row.requestedUs, row.id])
}

/** By the asset registry or by the maps that gateways have told; where neither says, the gateway is believed to read it. */
async function checkTags(tx: Tx, site: string, gateway: string, tags: readonly string[]): Promise<void> {
  const { rows } = await tx.query<{ tag_key: string; known: boolean; gateways: string[] }>(
    `select w.tag_key, t.tag_ref is not null as known,
            array(select v.provenance->>'gateway' from tag_version v where v.tag_ref = t.tag_ref and v.provenance->>'gateway' is not null
                  union select m.gateway_id from gateway_mapping m
                         where m.site_id = $1 and m.document->'tags' @> jsonb_build_array(jsonb_build_object('tag', w.tag_key))) as gateways
       from unnest($2::text[]) as w (tag_key) left join tag t on t.site_id = $1 and t.tag_key = w.tag_key`,
    [site, tags],
  )
  const unknown = rows.filter(({ known }) => !known).map(({ tag_key }) => tag_key)
  if (unknown.length > 0) refuse('not_found', `site ${site} has no tag ${unknown.slice(0, 5).join(', ')}; GET /v1/tags lists those it has`, { tags: unknown.slice(0, 20) })
  for (const { tag_key, gateways } of rows) {
    if (gateways.length > 0 && !gateways.includes(gateway)) {
      refuse('unprocessable', `${tag_key} is read by ${gateways.join(', ')}, not by ${gateway}; recall it there`, { tag: tag_key, gateways })
    }
  }
}

const viewOf = ({ id, gateway, tags, fromUs, toUs, state, rows, detail, requestedBy, requestedUs, updatedUs }: StoredCommand): RecallView => ({
  id, gateway, tags, from: microsToIso(fromUs), to: microsToIso(toUs), state, rows, detail, requestedBy,
  requestedAt: microsToIso(requestedUs), updatedAt: microsToIso(updatedUs),
})
