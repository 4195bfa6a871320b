import { demand, may, type Actor } from '../domain/access/rights.ts'
import { checkImport } from '../domain/assets/check-import.ts'
import { applyChanges, planVersion, type Version } from '../domain/assets/versioning.ts'
import { assetImportSchema, type AssetImport } from '../domain/contract/hierarchy.ts'
import { isoToMicros } from '../domain/contract/time.ts'
import { refuse } from '../domain/errors.ts'
import { defaultGovernance } from '../domain/governance/family.ts'
import { recordAudit } from '../store/audit.ts'
import { addMissingFamilies } from '../store/families.ts'
import { assetRefs, ownerKey, putArea, putLine, readHistories, readPlaces, tagRefs, writeChanges, type Versioned } from '../store/plant.ts'
import { putSite, siteKind } from '../store/sites.ts'
import { inSite, type Tx } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

export const importAssetsInput = assetImportSchema
export type ImportAssetsInput = AssetImport

export interface ImportOutcome {
  readonly site: string
  /** Things named by the document, and how many of their rows were new, changed, or as they were. */
  readonly areas: number
  readonly lines: number
  readonly assets: number
  readonly components: number
  readonly tags: number
  readonly opened: number
  readonly closed: number
  readonly described: number
  /** Families that were named for the first time; they got the default governance. */
  readonly familiesMade: readonly string[]
  /** False when the document said nothing new. */
  readonly changed: boolean
}

interface Stated { readonly kind: Versioned; readonly owner: readonly unknown[]; readonly where: string; readonly version: Version }

/**
 * Brings in a site's registry: the whole document in one transaction, or nothing of it. Applying it twice changes
 * nothing; a changed fact closes the version that held and opens a new one at its `validFrom`. A missing site is made
 * when the actor may make sites. Refuses `invalid`, `unit_unknown`, `unprocessable` (with the place) and `conflict`.
 */
export async function importAssets(ctx: ServiceContext, actor: Actor, input: ImportAssetsInput): Promise<ImportOutcome> {
  const site = input.site.id
  demand(actor, 'asset.write', site)
  return inSite(ctx.pool, site, async (tx) => {
    // One import of a site at a time; ingest takes no such lock and goes on meanwhile.
    await tx.query("select pg_advisory_xact_lock(hashtextextended('twinward.import.' || $1, 0))", [site])
    const siteOutcome = may(actor, 'site.write', site) ? await putSite(tx, input.site) : (await siteKind(tx, site), 'unchanged')
    const placesChanged = await importPlaces(tx, site, input)
    const familiesMade = await addMissingFamilies(tx, site, [...new Set(input.assets.map((a) => a.family))], defaultGovernance)
    const counts = await importVersions(tx, site, await statements(tx, site, input))

    const changed = siteOutcome !== 'unchanged' || placesChanged || familiesMade.length > 0 || counts.opened + counts.closed + counts.described > 0
    const outcome: ImportOutcome = {
      site, areas: input.areas.length, lines: input.lines.length, assets: input.assets.length,
      components: input.components.length, tags: input.tags.length, ...counts, familiesMade, changed,
    }
    if (changed) await recordAudit(tx, { actor, verb: 'import-assets', subject: `site/${site}`, detail: { ...outcome } })
    return outcome
  })
}

async function importPlaces(tx: Tx, site: string, input: AssetImport): Promise<boolean> {
  const { areas, lines } = await readPlaces(tx, site)
  const assets = await assetRefs(tx, site)
  const byRef = new Map([...assets].map(([id, ref]) => [String(ref), id]))
  const components = [...(await readHistories(tx, site, 'component')).keys()].map((key) => {
    const [ref = '', component = ''] = key.split('|')
    return ownerKey(byRef.get(ref), component)
  })
  checkImport(input, {
    areas: new Set(areas.keys()), lines: new Set(lines.keys()), assets: new Set(assets.keys()), components: new Set(components),
  })
  let changed = false
  for (const area of input.areas) {
    if (areas.get(area.id) === area.name) continue
    await putArea(tx, site, area)
    changed = true
  }
  for (const line of input.lines) {
    const known = lines.get(line.id)
    if (known?.area === line.area && known.name === line.name) continue
    await putLine(tx, site, line)
    changed = true
  }
  return changed
}

/** The document's rows as statements about versions; identities that are missing are made on the way. */
async function statements(tx: Tx, site: string, input: AssetImport): Promise<Stated[]> {
  const assets = await assetRefs(tx, site, [...new Set(input.assets.map((a) => a.id))])
  const refOf = (id: string): number => assets.get(id) ?? refuse('not_found', `site ${site} has no asset ${id}`, { asset: id })
  const wanted = input.tags.map((tag) => ({ key: `${tag.asset}/${tag.name}`, assetRef: refOf(tag.asset), kind: tag.kind }))
  const tags = await tagRefs(tx, site, wanted)
  const validity = (row: { validFrom: string; validTo: string | null }) => ({
    fromUs: isoToMicros(row.validFrom), toUs: row.validTo === null ? null : isoToMicros(row.validTo),
  })
  const stated: Stated[] = input.assets.map((a) => ({
    kind: 'asset', owner: [refOf(a.id)], where: `asset ${a.id}`,
    version: {
      ...validity(a), facts: { class: a.class, family_id: a.family, line_id: a.line },
      descriptions: { name: a.name, owner_id: a.owner, nameplate: a.nameplate, business: a.business },
    },
  }))
  for (const c of input.components) {
    stated.push({
      kind: 'component', owner: [refOf(c.asset), c.id], where: `component ${c.asset}/${c.id}`,
      version: { ...validity(c), facts: { kind: c.kind, geometry: c.geometry }, descriptions: { name: c.name } },
    })
  }
  for (const t of input.tags) {
    const where = `tag ${t.asset}/${t.name}`
    const identity = tags.get(`${t.asset}/${t.name}`) as { tagRef: number; kind: string }
    if (identity.kind !== t.kind) refuse('conflict', `${where} is recorded as a ${identity.kind}, which cannot become a ${t.kind}; give it a new name`, { tag: where })
    stated.push({
      kind: 'tag', owner: [identity.tagRef], where,
      version: {
        ...validity(t),
        facts: {
          component_id: t.component, role: t.role, unit: t.unit, canonical_unit: t.canonicalUnit,
          range_low: t.range?.low ?? null, range_high: t.range?.high ?? null, checks: t.checks, provenance: t.provenance,
        },
        descriptions: { calibration: t.calibration },
      },
    })
  }
  // A thing's own history is told in order, however the document is sorted.
  return stated.sort((a, b) => a.version.fromUs - b.version.fromUs)
}

async function importVersions(tx: Tx, site: string, stated: readonly Stated[]): Promise<{ opened: number; closed: number; described: number }> {
  const histories = {
    asset: await readHistories(tx, site, 'asset'), component: await readHistories(tx, site, 'component'), tag: await readHistories(tx, site, 'tag'),
  }
  const counts = { open: 0, close: 0, describe: 0 }
  for (const { kind, owner, where, version } of stated) {
    const key = ownerKey(...owner)
    const history = histories[kind].get(key) ?? []
    const changes = planVersion(history, version, where)
    if (changes.length === 0) continue
    await writeChanges(tx, site, kind, owner, changes)
    histories[kind].set(key, applyChanges(history, changes))
    for (const change of changes) counts[change.do]++
  }
  return { opened: counts.open, closed: counts.close, described: counts.describe }
}
