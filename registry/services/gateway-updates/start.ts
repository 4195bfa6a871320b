import type { Actor } from '../../domain/access/rights.ts'
import { recordAudit } from '../../store/audit.ts'
import { insertFleetUpdate, readFleetUpdate, type FleetUpdateDraft, type FleetUpdateRow } from '../../store/gateway-updates.ts'
import { announce } from '../../store/outbox.ts'
import type { Tx } from '../../store/transaction.ts'
import { startFleetUpdateWorkflow } from '../../store/workflow-calls.ts'

/**
 * Has an update of either kind begin: its row, its audit entry, its event, its workflow. Refuses (`conflict`) while another one runs.
 * @param audited what is for the audit alone
 */
export async function startFleetUpdate(tx: Tx, actor: Actor, draft: FleetUpdateDraft, issue: number, audited: Readonly<Record<string, unknown>>): Promise<FleetUpdateRow> {
  const { site, kind, version, reason, startedUs } = draft
  const id = await insertFleetUpdate(tx, draft)
  const facts = { update: id, kind, version, issue, gateways: draft.targets.map(({ gateway }) => gateway).sort(), reason }
  await recordAudit(tx, { actor, verb: 'begin-gateway-update', subject: `gateway-update/${id}`, detail: { ...facts, ...audited } })
  await announce(tx, { site, id: `gateway-update/${id}/started`, type: 'gateway-update.started', atUs: startedUs, data: { ...facts, by: actor.id } })
  await startFleetUpdateWorkflow(tx, site, id)
  return readFleetUpdate(tx, id)
}
