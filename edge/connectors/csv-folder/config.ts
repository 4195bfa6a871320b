import path from 'node:path'
import { z } from 'zod'
import { csvFileFields } from '../csv/map.ts'
import { durationSchema } from '../kind.ts'

export const csvFolderConfigSchema = z.strictObject({
  folder: z.string().refine((folder) => path.isAbsolute(folder), { error: 'write the whole path, from the top: a gateway may be started from anywhere' }).describe('where the exports come, e.g. /srv/exports'),
  files: z.string().min(1).regex(/^[^/\\]+$/, { error: 'write a pattern of file names such as *.csv; folders within are not looked into' }).default('*.csv').describe('* stands for any characters, ? for one'),
  mode: z.enum(['live', 'backfill'], { error: 'is missing; write live for what is exported every few minutes, backfill for history (it is scored, and pages nobody)' }),
  lookEvery: durationSchema.prefault('10s'),
  settledAfter: durationSchema.prefault('10s').describe('A file that has not changed for so long is read: it may be half written before'),
  done: z.union([z.literal('remember'), z.strictObject({ move: z.string().min(1) })], { error: 'write remember, or { move: done }' }).default('remember'),
  columns: z.record(z.string(), z.strictObject({ decimal: z.enum(['.', ',']) })).default({}).describe('Where one differs from the rest of the file'),
  ...csvFileFields,
})
export type CsvFolderConfig = z.infer<typeof csvFolderConfigSchema>

/** A pattern of file names as a shell has it, without its brackets. Hidden files are never meant. */
export function namePattern(files: string): RegExp {
  const source = files.replaceAll(/[.+^${}()|[\]\\*?]/g, (letter) => (letter === '*' ? '.*' : letter === '?' ? '.' : `\\${letter}`))
  return new RegExp(`^(?!\\.)${source}$`, 's')
}
