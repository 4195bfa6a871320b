import { readFile } from 'node:fs/promises'
import { InvalidArgumentError, Option } from 'commander'
import { slugSchema } from '../../registry/domain/contract/primitives.ts'
import { CliError } from './errors.ts'

/** `--limit`: as many as the API gives on one page. */
export const limitOption = (): Option => new Option('--limit <n>', 'how many at the most, up to 500').default(50).argParser((text) => {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > 500) throw new InvalidArgumentError('Give a whole number from 1 to 500.')
  return limit
})

/** An instant with its zone. */
export const instant = (text: string): string => {
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text))) return text
  throw new InvalidArgumentError('Write it with date, time and zone (RFC 3339), e.g. 2026-01-31T08:00:00Z.')
}

/** Machines by their ids, between commas. */
export const machines = (text: string): string[] => {
  const named = text.split(',').map((asset) => asset.trim())
  if (named.every((asset) => slugSchema.safeParse(asset).success)) return named
  throw new InvalidArgumentError('Name machines by their ids, with commas between them, e.g. pump-1,pump-2.')
}

export interface Scope { kind: string; id: string }

/** `--scope`: for which machines of a family. */
export const scopeOption = (): Option => new Option('--scope <kind:id>', 'line:… or asset:… (default: the whole family)').argParser((text): Scope => {
  const { kind, id } = /^(?<kind>family|line|asset):(?<id>.+)$/.exec(text)?.groups ?? {}
  if (kind === undefined || id === undefined) throw new InvalidArgumentError('Write it as line:ID or asset:ID.')
  return { kind, id }
})

/** `NAME@VERSION`, as a query names it. */
export function modelVersion(text: string): { model: string; version: number } {
  const named = /^(?<name>[^@/]+)@(?<version>\d{1,9})$/.exec(text)?.groups
  if (named === undefined) throw new CliError('usage', `${text} names no model version; write NAME@VERSION, for example pumps-pca@1`)
  return { model: named['name'] ?? '', version: Number(named['version']) }
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** A span of time in seconds, written as 90s, 30m, 12h or 2d. */
export const span = (text: string): number => {
  const { n = '', unit = '' } = /^(?<n>\d{1,6})(?<unit>[smhd])$/.exec(text)?.groups ?? {}
  const seconds = UNIT_SECONDS[unit]
  if (seconds === undefined) throw new InvalidArgumentError('Write it as a number with s, m, h or d, e.g. 30m or 2d.')
  return Number(n) * seconds
}

/** The JSON in a file that somebody named on the command line. */
export async function readJsonFile(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw new CliError('usage', `${file} cannot be read as JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}
