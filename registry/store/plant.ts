import type { Version, VersionChange } from '../domain/assets/versioning.ts'
import { timestampToUs, toUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** A table of versions: whose they are, and which columns are facts or descriptions of it. */
interface VersionTable {
  readonly table: string
  /** Columns that say whose version it is, besides the site. */
  readonly owner: readonly string[]
  readonly facts: readonly string[]
  readonly descriptions: readonly string[]
  /** Columns that hold JSON. */
  readonly json: readonly string[]
}

export const versionTables = {
  asset: {
    table: 'asset_version', owner: ['asset_ref'], facts: ['class', 'family_id', 'line_id'],
    descriptions: ['name', 'owner_id', 'nameplate', 'business'], json: ['nameplate', 'business'],
  },
  component: {
    table: 'component', owner: ['asset_ref', 'component_id'], facts: ['kind', 'geometry'], descriptions: ['name'], json: ['geometry'],
  },
  tag: {
    table: 'tag_version', owner: ['tag_ref'], facts: ['component_id', 'role', 'unit', 'canonical_unit', 'range_low', 'range_high', 'checks', 'provenance'],
    descriptions: ['calibration'], json: ['checks', 'provenance', 'calibration'],
  },
} as const satisfies Record<string, VersionTable>

export type Versioned = keyof typeof versionTables

/** The histories of all things of a kind at a site, by `ownerKey`. */
export async function readHistories(tx: Tx, site: string, kind: Versioned): Promise<Map<string, Version[]>> {
  const { table, owner, facts, descriptions }: VersionTable = versionTables[kind]
  const { rows } = await tx.query<Record<string, unknown> & { from_us: string; to_us: string | null }>(
    `select ${[...owner, ...facts, ...descriptions].join(', ')}, ${timestampToUs('lower(valid)')} as from_us,
            ${timestampToUs("nullif(upper(valid), 'infinity')")} as to_us
     from ${table} where site_id = $1 order by lower(valid)`,
    [site],
  )
  const histories = new Map<string, Version[]>()
  for (const row of rows) {
    const key = ownerKey(...owner.map((column) => row[column]))
    const version = { fromUs: toUs(row.from_us), toUs: toUsOrNull(row.to_us), facts: pick(row, facts), descriptions: pick(row, descriptions) }
    histories.set(key, [...histories.get(key) ?? [], version])
  }
  return histories
}

export const ownerKey = (...parts: unknown[]): string => parts.map(String).join('|')

/** Carries out what was planned for one thing. Closings come first, so that no two versions ever overlap. */
export async function writeChanges(
  tx: Tx, site: string, kind: Versioned, owner: readonly unknown[], changes: readonly VersionChange[],
): Promise<void> {
  const shape: VersionTable = versionTables[kind]
  const mine = shape.owner.map((column, i) => `${column} = $${i + 2}`).join(' and ')
  const ends = [...changes].sort((a, b) => Number(b.do === 'close') - Number(a.do === 'close'))
  for (const change of ends) {
    const n = shape.owner.length + 2
    if (change.do === 'close') {
      await tx.query(
        `update ${shape.table} set valid = tstzrange(lower(valid), ${usToTimestamp(`$${n + 1}`)})
         where site_id = $1 and ${mine} and lower(valid) = ${usToTimestamp(`$${n}`)}`,
        [site, ...owner, change.fromUs, change.toUs],
      )
    } else if (change.do === 'describe') {
      const sets = shape.descriptions.map((column, i) => `${column} = $${n + 1 + i}`).join(', ')
      await tx.query(
        `update ${shape.table} set ${sets} where site_id = $1 and ${mine} and lower(valid) = ${usToTimestamp(`$${n}`)}`,
        [site, ...owner, change.fromUs, ...values(shape, shape.descriptions, change.descriptions)],
      )
    } else {
      const columns = [...shape.owner, ...shape.facts, ...shape.descriptions]
      const places = columns.map((_, i) => `$${i + 4}`).join(', ')
      await tx.query(
        `insert into ${shape.table} (site_id, valid, ${columns.join(', ')})
         values ($1, tstzrange(${usToTimestamp('$2')}, ${usToTimestamp('$3')}), ${places})`,
        [site, change.version.fromUs, change.version.toUs, ...owner,
          ...values(shape, shape.facts, change.version.facts), ...values(shape, shape.descriptions, change.version.descriptions)],
      )
    }
  }
}

function values(shape: VersionTable, columns: readonly string[], from: Readonly<Record<string, unknown>>): unknown[] {
  return columns.map((column) => {
    const value = from[column] ?? null
    return shape.json.includes(column) && value !== null ? JSON.stringify(value) : value
  })
}

const pick = (row: Record<string, unknown>, columns: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(columns.map((column) => [column, row[column] ?? null]))

/** The site's areas and lines by id. */
export async function readPlaces(tx: Tx, site: string): Promise<{ areas: Map<string, string>; lines: Map<string, { area: string; name: string }> }> {
  const areas = await tx.query<{ area_id: string; name: string }>('select area_id, name from area where site_id = $1', [site])
  const lines = await tx.query<{ line_id: string; area_id: string; name: string }>('select line_id, area_id, name from line where site_id = $1', [site])
  return {
    areas: new Map(areas.rows.map((row) => [row.area_id, row.name])),
    lines: new Map(lines.rows.map((row) => [row.line_id, { area: row.area_id, name: row.name }])),
  }
}

export async function putArea(tx: Tx, site: string, area: { id: string; name: string }): Promise<void> {
  await tx.query(
    'insert into area (site_id, area_id, name) values ($1, $2, $3) on conflict (site_id, area_id) do update set name = excluded.name',
    [site, area.id, area.name],
  )
}

export async function putLine(tx: Tx, site: string, line: { id: string; area: string; name: string }): Promise<void> {
  await tx.query(
    `insert into line (site_id, line_id, area_id, name) values ($1, $2, $3, $4)
     on conflict (site_id, line_id) do update set area_id = excluded.area_id, name = excluded.name`,
    [site, line.id, line.area, line.name],
  )
}

/** Assets by id; those in `wanted` that are missing are made. */
export async function assetRefs(tx: Tx, site: string, wanted: readonly string[] = []): Promise<Map<string, number>> {
  if (wanted.length > 0) {
    await tx.query('insert into asset (site_id, asset_id) select $1, unnest($2::text[]) on conflict (site_id, asset_id) do nothing', [site, wanted])
  }
  const { rows } = await tx.query<{ asset_id: string; asset_ref: number }>('select asset_id, asset_ref from asset where site_id = $1', [site])
  return new Map(rows.map((row) => [row.asset_id, row.asset_ref]))
}

export interface TagIdentity { readonly key: string; readonly assetRef: number; readonly kind: 'scalar' | 'waveform' }

/** Tags by key; those in `wanted` that are missing are made. */
export async function tagRefs(
  tx: Tx, site: string, wanted: readonly TagIdentity[],
): Promise<Map<string, { tagRef: number; kind: 'scalar' | 'waveform' }>> {
  await tx.query(
    `insert into tag (site_id, tag_key, asset_ref, kind) select $1, * from unnest($2::text[], $3::integer[], $4::text[])
     on conflict (site_id, tag_key) do nothing`,
    [site, wanted.map((t) => t.key), wanted.map((t) => t.assetRef), wanted.map((t) => t.kind)],
  )
  const { rows } = await tx.query<{ tag_key: string; tag_ref: number; kind: 'scalar' | 'waveform' }>(
    'select tag_key, tag_ref, kind from tag where site_id = $1', [site],
  )
  return new Map(rows.map((row) => [row.tag_key, { tagRef: row.tag_ref, kind: row.kind }]))
}
