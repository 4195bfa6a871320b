import { platformActor, type Actor } from '../../domain/access/rights.ts'
import { principalOf, type Gate } from '../../domain/gates/gate.ts'
import { putGovernanceInForce, readGovernanceVersion, type GovernanceVersion } from '../../store/governance-versions.ts'
import { otherGatesOf, type GovernanceGate } from '../../store/gates.ts'
import { appendLedger } from '../../store/ledger.ts'
import { announce } from '../../store/outbox.ts'
import type { Tx } from '../../store/transaction.ts'
import { closeGate } from './gate-closing.ts'

/** Puts the approved version in force, in the transaction that approves it. Gates that are open keep their rules unless it says otherwise. */
export async function changeGovernance(tx: Tx, row: GovernanceGate, after: Gate, nowUs: number): Promise<void> {
  const { site, family, gateId } = row
  const version = await readGovernanceVersion(tx, site, family, row.governanceVersion)
  if (!version) throw new Error(`version ${row.governanceVersion} of ${family}'s governance, of gate ${gateId}, is gone`)
  await putGovernanceInForce(tx, site, version, nowUs)
  await tellGovernance(tx, site, platformActor('gates'), version, {
    replaces: row.replacesVersion, gate: gateId, evidenceDigest: row.evidenceDigest, approvedBy: after.approvals.map(principalOf), requestedBy: row.requestedBy,
  }, nowUs)
  if (version.openGates === 'keep') return
  for (const other of await otherGatesOf(tx, row)) {
    await closeGate(tx, other, { state: 'voided', by: platformActor('gates'), because: `the rules it was asked for under changed: version ${version.version} is in force now`, nowUs })
  }
}

/** Ledger and event of a version that comes into force. */
export async function tellGovernance(tx: Tx, site: string, actor: Actor, version: GovernanceVersion, more: Record<string, unknown>, nowUs: number): Promise<void> {
  const { family, owner, governance, digest, openGates, reason } = version
  const body = { family, version: version.version, digest, owner, governance, openGates, reason, ...more }
  await appendLedger(tx, { site, kind: 'family.governance-changed', subject: `family/${family}`, actor, body })
  await announce(tx, { site, id: `family/${family}/governance/${version.version}`, type: 'governance.changed', atUs: nowUs, data: body })
}
