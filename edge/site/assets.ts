import { assetImportSchema, type AssetImport } from '../../registry/domain/contract/hierarchy.ts'
import { microsToIso } from '../../registry/domain/contract/time.ts'
import { refuse } from '../../registry/domain/errors.ts'
import type { SiteFile } from './site-file.ts'

/**
 * The site, machines and tags a site file speaks of, as a document to register at the platform. Refuses (`invalid`)
 * machines whose class and family nobody told.
 */
export function assetImportFromSite({ plan, site, assets, tags }: SiteFile): AssetImport {
  const ids = [...new Set([...tags.map(({ asset }) => asset), ...Object.keys(assets)])]
  const described = ids.map((id) => {
    const own = assets[id]
    const like = tags.find(({ asset, like }) => asset === id && like !== null)?.like
    const assetClass = own?.class ?? like
    return {
      id, name: own?.name ?? id, class: assetClass, family: own?.family ?? assetClass, area: own?.area ?? 'main', line: own?.line ?? 'main',
      validFrom: own?.validFrom ?? '2000-01-01T00:00:00Z',
    }
  })
  const unknown = described.filter((asset) => asset.class === undefined)
  if (unknown.length > 0) {
    refuse('invalid', unknown.map(({ id }) => `nobody says what "${id}" is; add assets: { ${id}: { class: …, family: … } } to the site file`).join('\n'), { assets: unknown.map(({ id }) => id) })
  }
  const areas = new Set(described.map(({ area }) => area))
  const lines = new Map(described.map(({ area, line }) => [line, area]))
  const since = new Map(described.map(({ id, validFrom }) => [id, validFrom]))
  return assetImportSchema.parse({
    site: { ...site, kind: 'plant' },
    areas: [...areas].map((id) => ({ id, name: id })),
    lines: [...lines].map(([id, area]) => ({ id, area, name: id })),
    assets: described.map(({ area: _area, ...asset }) => asset),
    tags: tags.map(({ tag, asset, role, kind = 'scalar', unit = '1', canonicalUnit = unit, range, calibration, source, address, every }) => ({
      asset, name: tag.slice(asset.length + 1), role, kind, unit, canonicalUnit, range: range ?? null, validFrom: since.get(asset),
      provenance: { device: source, gateway: plan.gateway, address, samplingHz: every === undefined ? null : 1000 / every },
      calibration: calibration ? { due: microsToIso(calibration.due), certificate: calibration.certificate ?? null } : null,
    })),
  })
}
