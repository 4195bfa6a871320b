import { gatewayCommandSchema, type CommandOutcome, type GatewayCommand, type RecallCommand } from '../domain/contract/gateway-report.ts'
import { timestampToUs, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export type CommandState = 'pending' | CommandOutcome['state']

/** A recall. */
export interface StoredCommand {
  readonly id: string
  readonly gateway: string
  readonly tags: readonly string[]
  readonly fromUs: number
  /** Exclusive. */
  readonly toUs: number
  readonly state: CommandState
  readonly rows: number
  readonly detail: string | null
  readonly requestedBy: string
  readonly requestedUs: number
  readonly updatedUs: number
}

interface Row {
  command_id: string; gateway_id: string; tags: string[]; from_us: string; to_us: string; state: CommandState; row_count: string; detail: string | null
  requested_by: string; requested_us: string; updated_us: string
}

const COLUMNS = `command_id, gateway_id, tags, ${timestampToUs('from_at')} as from_us, ${timestampToUs('to_at')} as to_us, state, row_count, detail, requested_by,
  ${timestampToUs('requested_at')} as requested_us, ${timestampToUs('updated_at')} as updated_us`

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export async function insertRecall(
  tx: Tx, { site, ...order }: Pick<StoredCommand, 'gateway' | 'tags' | 'fromUs' | 'toUs' | 'requestedBy'> & { site: string; atUs: number },
): Promise<StoredCommand> {
  const { rows } = await tx.query<Row>(
    `insert into gateway_command (site_id, gateway_id, kind, tags, from_at, to_at, requested_by, requested_at, updated_at)
     values ($1, $2, 'recall', $3, ${usToTimestamp('$4')}, ${usToTimestamp('$5')}, $6, ${usToTimestamp('$7')}, ${usToTimestamp('$7')}) returning ${COLUMNS}`,
    [site, order.gateway, order.tags, order.fromUs, order.toUs, order.requestedBy, order.atUs],
  )
  return fromRow(rows[0] as Row)
}

/** An order that is not a recall; its body is what the gateway is told. */
export type OtherCommand = Exclude<GatewayCommand, RecallCommand>
export type OtherOrder<K extends OtherCommand['kind'] = OtherCommand['kind']> = Extract<OtherCommand, { kind: K }> extends infer C ? Omit<C, 'id' | 'kind'> : never

/** What the platform keeps beside an order: what it is for, and where the file lies that it names. */
export interface OrderAbout { readonly release?: string; readonly assets?: readonly string[]; readonly file?: { readonly bucket: 'models'; readonly key: string } }

export async function insertOrder<K extends OtherCommand['kind']>(
  tx: Tx, { site, gateway, kind, body, about = {}, requestedBy, atUs }: { site: string; gateway: string; kind: K; body: OtherOrder<K>; about?: OrderAbout; requestedBy: string; atUs: number },
): Promise<string> {
  const { rows } = await tx.query<{ command_id: string }>(
    `insert into gateway_command (site_id, gateway_id, kind, body, about, requested_by, requested_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, ${usToTimestamp('$7')}, ${usToTimestamp('$7')}) returning command_id`,
    [site, gateway, kind, JSON.stringify(body), JSON.stringify(about), requestedBy, atUs])
  return (rows[0] as { command_id: string }).command_id
}

/** Whether a gateway is to do something already, by what the order says. */
export async function openOrderOf(tx: Tx, { site, gateway, kind, of }: { site: string; gateway: string; kind: OtherCommand['kind']; of: Readonly<Record<string, unknown>> }): Promise<boolean> {
  const { rowCount } = await tx.query(
    "select from gateway_command where site_id = $1 and gateway_id = $2 and kind = $3 and state in ('pending', 'accepted') and body @> $4 limit 1", [site, gateway, kind, JSON.stringify(of)])
  return rowCount === 1
}

export interface EndedCommand { readonly id: string; readonly kind: GatewayCommand['kind']; readonly state: CommandState; readonly rows: number; readonly detail: string | null }

/** Takes over what a gateway says of its orders; what is ended stays so. Returns those that ended now. */
export async function applyOutcomes(tx: Tx, site: string, gateway: string, outcomes: readonly CommandOutcome[], atUs: number): Promise<EndedCommand[]> {
  // Of one order the furthest state counts, however often the report names it.
  const known = new Map<string, CommandOutcome>()
  for (const outcome of outcomes) if (UUID.test(outcome.id) && (known.get(outcome.id)?.state ?? 'accepted') === 'accepted') known.set(outcome.id, outcome)
  if (known.size === 0) return []
  const list = [...known.values()]
  const { rows } = await tx.query<Pick<Row, 'command_id' | 'state' | 'row_count' | 'detail'> & { kind: GatewayCommand['kind'] }>(
    `update gateway_command c set state = o.state, row_count = greatest(c.row_count, o.row_count), detail = o.detail, updated_at = ${usToTimestamp('$3')}
       from unnest($4::uuid[], $5::text[], $6::bigint[], $7::text[]) as o (command_id, state, row_count, detail)
      where c.site_id = $1 and c.gateway_id = $2 and c.command_id = o.command_id and c.state in ('pending', 'accepted')
        and (c.state <> o.state or c.row_count < o.row_count)
     returning c.command_id, c.kind, c.state, c.row_count, c.detail`,
    [site, gateway, atUs, list.map(({ id }) => id), list.map(({ state }) => state), list.map(({ rows: count }) => count), list.map(({ detail }) => detail)],
  )
  return rows.filter(({ state }) => state === 'done' || state === 'refused')
    .map((row) => ({ id: row.command_id, kind: row.kind, state: row.state, rows: Number(row.row_count), detail: row.detail }))
}

/** What a gateway is still to do, oldest first, as many as go into one reply. */
export async function openCommands(tx: Tx, site: string, gateway: string): Promise<GatewayCommand[]> {
  const { rows } = await tx.query<Row & { kind: GatewayCommand['kind']; body: Record<string, unknown> }>(
    `select ${COLUMNS}, kind, body from gateway_command
      where site_id = $1 and gateway_id = $2 and state in ('pending', 'accepted') order by requested_at, command_id limit 100`,
    [site, gateway],
  )
  return rows.map((row): GatewayCommand => {
    if (row.kind !== 'recall') return gatewayCommandSchema.parse({ ...row.body, id: row.command_id, kind: row.kind })
    const { id, tags, fromUs, toUs } = fromRow(row)
    return { id, kind: 'recall', tags: [...tags], fromUs, toUs: toUs - 1 }
  })
}

/** A gateway's recalls, newest first, after the given place. */
export async function listCommands(
  tx: Tx, site: string, gateway: string, [beforeUs, beforeId]: readonly (string | number | null)[], limit: number,
): Promise<StoredCommand[]> {
  const { rows } = await tx.query<Row>(
    `select ${COLUMNS} from gateway_command
      where site_id = $1 and gateway_id = $2 and kind = 'recall' and ($3::bigint is null or (requested_at, command_id) < (${usToTimestamp('$3')}, $4::uuid))
      order by requested_at desc, command_id desc limit $5`,
    [site, gateway, beforeUs ?? null, beforeId ?? null, limit],
  )
  return rows.map(fromRow)
}

const fromRow = (row: Row): StoredCommand => ({
  id: row.command_id, gateway: row.gateway_id, tags: row.tags, fromUs: Number(row.from_us), toUs: Number(row.to_us), state: row.state, rows: Number(row.row_count),
  detail: row.detail, requestedBy: row.requested_by, requestedUs: Number(row.requested_us), updatedUs: Number(row.updated_us),
})
