import { z } from 'zod'
import { canonicalDigest } from '../registry/domain/canonical.ts'
import { tagChecksSchema } from '../registry/domain/checks/limits.ts'
import { microsSchema, tagKeySchema } from '../registry/domain/contract/primitives.ts'
import { shipRuleSchema } from './ship-rule.ts'

/**
 * From the device's address to the platform's tag: canonical = convert(raw · scale + offset), where `convert` takes
 * `unit` to `canonicalUnit` by UCUM. `scale` and `offset` are the device's own (a register that counts tenths). One
 * address may feed several tags (a trend and its hourly maximum).
 */
export const tagMappingSchema = z.strictObject({
  address: z.string().min(1),
  tag: tagKeySchema,
  kind: z.enum(['scalar', 'waveform']).default('scalar'),
  unit: z.string().min(1),
  canonicalUnit: z.string().min(1),
  scale: z.number().default(1),
  offset: z.number().default(0),
  checks: tagChecksSchema.optional(),
  ship: shipRuleSchema.optional(),
  calibrationDueUs: microsSchema.optional(),
})
export type TagMapping = z.infer<typeof tagMappingSchema>

export const tagMapSchema = z.strictObject({ version: z.literal(1), tags: z.array(tagMappingSchema).min(1) })
export type TagMap = z.infer<typeof tagMapSchema>

const digests = new WeakMap<TagMap, string>()

/** What batch headers carry: two gateways with the same digest turn the same device values into the same readings. */
export function tagMapDigest(map: TagMap): string {
  // Asked for wherever a map is used; a map is never changed.
  const digest = digests.get(map) ?? canonicalDigest(map)
  digests.set(map, digest)
  return digest
}
