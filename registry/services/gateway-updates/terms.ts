import { z } from 'zod'
import { slugSchema } from '../../domain/contract/primitives.ts'

/** How something is brought to the gateways of a site, whatever it is. */
export const termsShape = {
  stages: z.array(z.union([z.array(slugSchema).min(1).max(1000), z.number().gt(0).max(100)])).min(1).max(20)
    .describe('Each stage by its gateways, or as a share of all (per cent, cumulative: 10, 50, 100)'),
  settleSeconds: z.int().min(0).max(7 * 86_400).default(600).describe('So long each gateway must have been well with it before the next stage begins'),
  withinSeconds: z.int().min(60).max(30 * 86_400).default(86_400).describe('So long one may take from its order until it is well, its waiting for a connection included'),
  reason: z.string().trim().min(1).max(2000),
}
