import { familyGovernanceSchema, type FamilyGovernance } from '../domain/governance/family.ts'
import { refuse } from '../domain/errors.ts'
import type { Tx } from './transaction.ts'

export interface FamilyRow {
  readonly id: string
  readonly name: string
  readonly owner: string | null
  readonly governance: FamilyGovernance
  readonly drift: Record<string, unknown>
  /** Which version of its governance is in force; 0: the defaults, which nobody chose. */
  readonly governanceVersion: number
}

interface Row { family_id: string; name: string; owner_id: string | null; governance: unknown; drift: Record<string, unknown>; governance_version: number }

const toFamily = (row: Row): FamilyRow => ({
  id: row.family_id, name: row.name, owner: row.owner_id, drift: row.drift, governance: familyGovernanceSchema.parse(row.governance),
  governanceVersion: row.governance_version,
})

/** Refuses (`not_found`) an unknown family, naming those there are. */
export async function getFamily(tx: Tx, site: string, family: string): Promise<FamilyRow> {
  const { rows } = await tx.query<Row>(
    'select family_id, name, owner_id, governance, drift, governance_version from family where site_id = $1 and family_id = $2', [site, family],
  )
  if (rows[0]) return toFamily(rows[0])
  const { rows: known } = await tx.query<{ family_id: string }>('select family_id from family where site_id = $1 order by family_id', [site])
  const families = known.map((row) => row.family_id)
  return refuse('not_found', `site ${site} has no asset family ${family}; ${families.length === 0 ? 'it has none yet: make it first (POST /v1/families)'
    : `it has ${families.slice(0, NAMED).join(', ')}${families.length > NAMED ? ` and ${families.length - NAMED} more (GET /v1/families)` : ''}`}`, { family, families })
}

/** More of them would make no message. */
const NAMED = 10

export async function listFamilyRows(tx: Tx, site: string): Promise<FamilyRow[]> {
  const { rows } = await tx.query<Row>('select family_id, name, owner_id, governance, drift, governance_version from family where site_id = $1 order by family_id', [site])
  return rows.map(toFamily)
}

/** The family, locked until the transaction ends; null when there is none of that id. */
export async function lockFamily(tx: Tx, site: string, family: string): Promise<FamilyRow | null> {
  const { rows } = await tx.query<Row>(
    'select family_id, name, owner_id, governance, drift, governance_version from family where site_id = $1 and family_id = $2 for update', [site, family])
  return rows[0] ? toFamily(rows[0]) : null
}

/** Makes a family or changes what is given of it. */
export async function putFamily(tx: Tx, site: string, family: FamilyRow): Promise<'made' | 'changed' | 'unchanged'> {
  const { rows } = await tx.query<{ made: boolean }>(
    `insert into family (site_id, family_id, name, owner_id, governance, drift, governance_version) values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (site_id, family_id) do update
       set name = excluded.name, owner_id = excluded.owner_id, governance = excluded.governance, drift = excluded.drift,
           governance_version = excluded.governance_version
       where (family.name, family.owner_id, family.governance, family.drift, family.governance_version)
             is distinct from (excluded.name, excluded.owner_id, excluded.governance, excluded.drift, excluded.governance_version)
     returning xmax = 0 as made`,
    [site, family.id, family.name, family.owner, JSON.stringify(family.governance), JSON.stringify(family.drift), family.governanceVersion],
  )
  if (!rows[0]) return 'unchanged'
  return rows[0].made ? 'made' : 'changed'
}

/** Families that an import names for the first time get the default rules; gives those that were made. */
export async function addMissingFamilies(tx: Tx, site: string, ids: readonly string[], governance: FamilyGovernance): Promise<string[]> {
  const { rows } = await tx.query<{ family_id: string }>(
    `insert into family (site_id, family_id, name, governance) select $1, id, id, $3 from unnest($2::text[]) as id
     on conflict (site_id, family_id) do nothing returning family_id`,
    [site, ids, JSON.stringify(governance)],
  )
  return rows.map((row) => row.family_id)
}
