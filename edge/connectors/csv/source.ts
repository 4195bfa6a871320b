import type { Source } from '../../source.ts'
import { tagMapSchema, type TagMap } from '../../tag-map.ts'
import type { CsvMap } from './map.ts'
import { replayCsv, type CsvReplay } from './replay.ts'

export interface CsvSourceOptions extends Omit<CsvReplay, 'layout' | 'startOf' | 'grow'> {
  readonly id: string
  readonly map: CsvMap
}

/** The tag map of a CSV map: the address of a tag is its column. */
export function tagMapOf(map: CsvMap): TagMap {
  return tagMapSchema.parse({
    version: 1,
    tags: map.tags.map(({ column, tag, unit, canonicalUnit, scale, offset }) => (
      { address: column, tag: `${map.asset.id}/${tag}`, kind: 'scalar', unit, canonicalUnit: canonicalUnit ?? unit, scale, offset })),
  })
}

/** Replays files as history (`backfill`). */
export function createCsvSource({ id, map, ...replay }: CsvSourceOptions): Source {
  return { id, mode: 'backfill', map: tagMapOf(map), run: (outlet, signal) => replayCsv({ layout: map, ...replay }, outlet, signal) }
}
