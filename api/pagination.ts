import { z } from 'zod'

/** The answer of every list. The cursor is opaque and the services' own (`registry/services/read/page.ts`). */
export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable().describe('Null on the last page') })

/** A list that is short by nature comes whole, in the same form. */
export const whole = <T>(items: readonly T[]): { items: readonly T[]; nextCursor: null } => ({ items, nextCursor: null })
