import { canonicalDigest } from '../domain/canonical.ts'
import { familyGovernanceSchema, type FamilyGovernance, type GovernanceContent, type OpenGates } from '../domain/governance/family.ts'
import { timestampToUs, toUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export interface GovernanceVersion {
  readonly family: string
  readonly version: number
  readonly owner: string | null
  readonly governance: FamilyGovernance
  readonly digest: string
  readonly openGates: OpenGates
  readonly reason: string
  readonly proposedBy: string
  readonly proposedUs: number
  /** Null: set as the family was founded. */
  readonly gateId: string | null
  /** Null: never was in force. */
  readonly inForceFromUs: number | null
}

interface Row {
  family_id: string; version: number; owner_id: string | null; governance: unknown; digest: string | null; open_gates: OpenGates; reason: string
  proposed_by: string; proposed_us: string; gate_id: string | null; in_force_us: string | null
}

const columns = `family_id, version, owner_id, governance, digest, open_gates, reason, proposed_by, ${timestampToUs('proposed_at')} as proposed_us, gate_id,
  ${timestampToUs('in_force_from')} as in_force_us`

/** Over what the version says, not over who proposed it when. */
export const governanceDigest = ({ family, version, owner, governance }: GovernanceContent): string => canonicalDigest({ family, version, owner, governance })

function toVersion(row: Row): GovernanceVersion {
  const content = { family: row.family_id, version: row.version, owner: row.owner_id, governance: familyGovernanceSchema.parse(row.governance) }
  return {
    ...content, digest: row.digest ?? governanceDigest(content), openGates: row.open_gates, reason: row.reason, proposedBy: row.proposed_by,
    proposedUs: toUs(row.proposed_us), gateId: row.gate_id, inForceFromUs: toUsOrNull(row.in_force_us),
  }
}

/** Newest first; few by nature. */
export async function governanceVersions(tx: Tx, site: string, family: string): Promise<GovernanceVersion[]> {
  const { rows } = await tx.query<Row>(`select ${columns} from governance_version where site_id = $1 and family_id = $2 order by version desc`, [site, family])
  return rows.map(toVersion)
}

export async function readGovernanceVersion(tx: Tx, site: string, family: string, version: number): Promise<GovernanceVersion | null> {
  const { rows } = await tx.query<Row>(`select ${columns} from governance_version where site_id = $1 and family_id = $2 and version = $3`, [site, family, version])
  return rows[0] ? toVersion(rows[0]) : null
}

/** The caller has the family locked, so that numbers are given one after the other. */
export async function nextGovernanceVersion(tx: Tx, site: string, family: string): Promise<number> {
  const { rows } = await tx.query<{ n: number }>('select coalesce(max(version), 0) + 1 as n from governance_version where site_id = $1 and family_id = $2', [site, family])
  return (rows[0] as { n: number }).n
}

export async function insertGovernanceVersion(tx: Tx, site: string, version: GovernanceVersion): Promise<void> {
  await tx.query(
    `insert into governance_version (site_id, family_id, version, owner_id, governance, digest, open_gates, reason, proposed_by, proposed_at, gate_id, in_force_from)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, ${usToTimestamp('$10')}, $11, ${usToTimestamp('$12')})`,
    [site, version.family, version.version, version.owner, JSON.stringify(version.governance), version.digest, version.openGates, version.reason,
      version.proposedBy, version.proposedUs, version.gateId, version.inForceFromUs],
  )
}

/** The family is judged by this version's rules from now on. */
export async function putGovernanceInForce(tx: Tx, site: string, version: GovernanceVersion, nowUs: number): Promise<void> {
  await tx.query(
    `update governance_version set in_force_from = ${usToTimestamp('$4')} where site_id = $1 and family_id = $2 and version = $3 and in_force_from is null`,
    [site, version.family, version.version, nowUs])
  await tx.query(
    'update family set governance = $3, owner_id = $4, governance_version = $5 where site_id = $1 and family_id = $2',
    [site, version.family, JSON.stringify(version.governance), version.owner, version.version])
}
