import { z } from 'zod'
import { instantSchema } from './primitives.ts'

/** An event on the bus and in a webhook's body. Small: ids and a few facts, never readings. */
export const busEventSchema = z
  .strictObject({
    id: z.string().min(1).describe('Stays the same when the event is delivered again: receivers drop what they have seen'),
    type: z.string().regex(/^[a-z-]+\.[a-z-]+$/).describe('Dotted, e.g. `alert.raised`; `window.scored` carries a ScoredEvent'),
    site: z.string().min(1),
    at: instantSchema,
    data: z.unknown(),
  })
  .meta({ id: 'BusEvent' })
export type BusEvent = Readonly<z.infer<typeof busEventSchema>>
