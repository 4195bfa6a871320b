import type { Tx } from './transaction.ts'

/** Things whose id alone tells where they are. */
const tables = {
  gate: ['gate', 'gate_id'], alert: ['alert', 'alert_id'], operation: ['operation', 'operation_id'], label: ['label', 'label_id'],
  delegation: ['delegation', 'delegation_id'], rollout: ['rollout', 'rollout_id'], 'gateway-update': ['gateway_update', 'update_id'], incident: ['incident', 'incident_id'],
} as const

export type Located = keyof typeof tables

/** The site of a thing, in a transaction that sees all sites; undefined when it is nowhere. */
export async function siteOf(tx: Tx, kind: Located, id: string): Promise<string | undefined> {
  const [table, column] = tables[kind]
  const { rows } = await tx.query<{ site_id: string }>(`select site_id from ${table} where ${column} = $1`, [id])
  return rows[0]?.site_id
}
