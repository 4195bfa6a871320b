import { z } from 'zod'
import { refuse } from '../../domain/errors.ts'

/** One page of a list, newest or first first; `nextCursor` null on the last. */
export interface Page<T> { readonly items: T[]; readonly nextCursor: string | null }

/** What every list takes. The cursor is opaque: it is what the page before it gave. */
export const pageInput = {
  limit: z.coerce.number().int().min(1).max(500).default(100).describe('Items on a page, 500 at the most'),
  cursor: z.string().max(1000).optional().describe('`nextCursor` of the page before'),
} as const

export interface PageInput { readonly limit: number; readonly cursor?: string | undefined }

type Part = string | number

/** The place after which the next page begins: the sort columns of the last item, in their order. */
export function encodeCursor(parts: readonly Part[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url')
}

/**
 * The sort columns out of a cursor, or nulls for the first page, so that SQL can say `$1 is null or (a, b) < ($1, $2)`.
 * Refuses (`invalid`) what this list did not give.
 * @param kinds the type of each column
 */
export function decodeCursor(cursor: string | undefined, kinds: readonly ('string' | 'number')[]): (Part | null)[] {
  if (cursor === undefined) return kinds.map(() => null)
  let parts: unknown
  try {
    parts = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    parts = undefined
  }
  if (!Array.isArray(parts) || parts.length !== kinds.length || parts.some((part, i) => typeof part !== kinds[i])) {
    refuse('invalid', 'cursor is not one that this list gave; leave it out to begin at the first page', { parameter: 'cursor' })
  }
  return parts as Part[]
}

/** Cuts a page out of rows of which one more than the limit was asked for: the extra one says that more follow. */
export function toPage<Row, Item>(
  rows: readonly Row[], limit: number, toItem: (row: Row) => Item, place: (row: Row) => readonly Part[],
): Page<Item> {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    items: shown.map(toItem),
    nextCursor: rows.length > limit && last !== undefined ? encodeCursor(place(last)) : null,
  }
}
