import type { AssetImport } from '../contract/hierarchy.ts'
import { linearConversion } from '../contract/unit.ts'
import { DomainError, refuse } from '../errors.ts'

/** What the site has already, so that a document may name it without repeating it. */
export interface KnownPlant {
  readonly areas: ReadonlySet<string>
  readonly lines: ReadonlySet<string>
  readonly assets: ReadonlySet<string>
  /** `asset|component` */
  readonly components: ReadonlySet<string>
}

const MOST_SHOWN = 20

/**
 * References and units of an import document, all problems at once: nobody wants to learn of forty wrong units one by
 * one. Refuses with the first problem's code; `details.problems` lists up to twenty, each with its place.
 */
export function checkImport(document: AssetImport, known: KnownPlant): void {
  const problems: { code: DomainError['code']; message: string; place: string }[] = []
  const note = (place: string, message: string) => problems.push({ code: 'invalid', place, message: `${place}: ${message}` })
  const areas = new Set([...known.areas, ...document.areas.map((a) => a.id)])
  const lines = new Set([...known.lines, ...document.lines.map((l) => l.id)])
  const assets = new Set([...known.assets, ...document.assets.map((a) => a.id)])
  const components = new Set([...known.components, ...document.components.map((c) => `${c.asset}|${c.id}`)])

  document.lines.forEach((line, i) => {
    if (!areas.has(line.area)) note(`lines[${i}] ${line.id}`, `there is no area ${line.area}; add it to "areas"`)
  })
  document.assets.forEach((asset, i) => {
    if (!lines.has(asset.line)) note(`assets[${i}] ${asset.id}`, `there is no line ${asset.line}; add it to "lines"`)
  })
  document.components.forEach((component, i) => {
    if (!assets.has(component.asset)) note(`components[${i}] ${component.id}`, `there is no asset ${component.asset}; add it to "assets"`)
  })
  document.tags.forEach((tag, i) => {
    const place = `tags[${i}] ${tag.asset}/${tag.name}`
    if (!assets.has(tag.asset)) note(place, `there is no asset ${tag.asset}; add it to "assets"`)
    if (tag.component !== null && !components.has(`${tag.asset}|${tag.component}`)) {
      note(place, `asset ${tag.asset} has no component ${tag.component}; add it to "components"`)
    }
    if (tag.range !== null && tag.range.low >= tag.range.high) note(place, `the range's low (${tag.range.low}) must lie below its high (${tag.range.high})`)
    try {
      linearConversion(tag.unit, tag.canonicalUnit, place)
    } catch (error) {
      if (!(error instanceof DomainError)) throw error
      problems.push({ code: error.code, place, message: error.message })
    }
  })

  const first = problems[0]
  if (!first) return
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more; see details)` : ''
  refuse(first.code, `${first.message}${more}`, { count: problems.length, problems: problems.slice(0, MOST_SHOWN) })
}
