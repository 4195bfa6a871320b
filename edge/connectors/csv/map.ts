import { z } from 'zod'
import { refuse } from '../../../registry/domain/errors.ts'
import { instantSchema, slugSchema } from '../../../registry/domain/contract/primitives.ts'
import { checkAgainst } from '../../schema-problems.ts'
import { readYaml } from '../../yaml-document.ts'
import { compileTimeFormat, isTimeZone } from '../local-time.ts'

const siteOfMapSchema = z.union([
  slugSchema.transform((id) => ({ id, name: id, timeZone: 'UTC' })),
  z.strictObject({ id: slugSchema, name: z.string().min(1).max(200), timeZone: z.string().min(1).default('UTC') }),
])

const assetOfMapSchema = z.strictObject({
  id: slugSchema,
  name: z.string().min(1).max(200),
  class: slugSchema,
  family: slugSchema,
  area: slugSchema.default('main'),
  line: slugSchema.default('main'),
  validFrom: instantSchema.default('2000-01-01T00:00:00Z').describe('Since when the asset and its sensors stand as the map says; before the first row'),
})

const columnTagSchema = z.strictObject({
  column: z.string().min(1).describe('Header of the column'),
  tag: slugSchema,
  role: slugSchema.describe('What it measures in the asset class'),
  unit: z.string().min(1).describe('UCUM unit of the cells'),
  canonicalUnit: z.string().min(1).optional().describe('UCUM unit readings are stored in; the cells\' own unless told'),
  range: z.strictObject({ low: z.number(), high: z.number() }).optional().describe('In the canonical unit'),
  scale: z.number().default(1),
  offset: z.number().default(0),
  decimal: z.enum(['.', ',']).optional().describe('Where it differs from the file\'s'),
})

/** What a file is like, whoever reads it. */
export const csvFileFields = {
  time: z.strictObject({
    column: z.string().min(1),
    format: z.string().default('iso').refine((format) => compileTimeFormat(format) !== undefined, {
      error: 'use iso, unix-s, unix-ms, unix-us, or a pattern of YYYY MM DD HH mm ss and SSS (a fraction), e.g. "DD.MM.YYYY HH:mm:ss"',
    }),
    zone: z.string().refine(isTimeZone, { error: 'not an IANA time zone; e.g. UTC or Europe/Berlin' })
      .describe('Of times that do not name their offset themselves'),
  }),
  delimiter: z.string().length(1, { error: 'write the one character between two cells, e.g. ";", or "\\t" for a tab' }).default(','),
  decimal: z.enum(['.', ',']).default('.'),
  encoding: z.enum(['utf8', 'latin1', 'utf16le']).default('utf8'),
  ignore: z.array(z.string()).default([]).describe('Columns that are known and not imported; others must be mapped'),
}

/** How to read a CSV history: which column is which tag of which asset, and what its times mean. */
const csvMapSchema = z.strictObject({
  version: z.literal(1),
  site: siteOfMapSchema,
  asset: assetOfMapSchema,
  ...csvFileFields,
  sampling: z.strictObject({ everySeconds: z.number().positive() }).optional(),
  tags: z.array(columnTagSchema).min(1),
}).superRefine((map, context) => {
  for (const key of ['column', 'tag'] as const) {
    const seen = new Set<string>()
    map.tags.forEach((tag, index) => {
      if (seen.has(tag[key])) context.addIssue({ code: 'custom', path: ['tags', index, key], message: `"${tag[key]}" is there twice` })
      seen.add(tag[key])
    })
  }
  map.tags.forEach(({ column }, index) => {
    if (column === map.time.column) context.addIssue({ code: 'custom', path: ['tags', index, 'column'], message: 'is the time column already' })
  })
})
export type CsvMap = z.infer<typeof csvMapSchema>

/** As much of a map as it takes to read a file's rows. */
export type CsvLayout = Pick<CsvMap, keyof typeof csvFileFields> & { readonly tags: readonly Pick<CsvMap['tags'][number], 'column' | 'decimal'>[] }

/**
 * A map from its YAML (or JSON) text. Refuses (`invalid`) with every mistake in one message: file, line, what is wrong
 * and what to write instead.
 */
export function parseCsvMap(text: string, fileName: string): CsvMap {
  const document = readYaml(text, fileName)
  const { data, problems } = checkAgainst(csvMapSchema, document.value)
  if (!problems) return data
  const lines = document.describe(problems, 'map')
  return refuse('invalid', lines.join('\n'), { file: fileName, problems: lines })
}
