import type { z } from 'zod'
import { canonicalJson } from '../canonical.ts'

/**
 * The manifest of a signed file, out of bytes whose signature is good. Only what is in canonical form: of two readings of one
 * text, one would not have been signed.
 * @param unreadable refuses it, with the reason
 */
export function readManifest<T>(schema: z.ZodType<T>, bytes: Uint8Array, unreadable: (why: string) => never): T {
  let text: string
  let value: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    value = JSON.parse(text)
  } catch {
    return unreadable('its manifest is no JSON')
  }
  const { data, error } = schema.safeParse(value)
  if (data === undefined) {
    const [issue] = error?.issues ?? []
    return unreadable(`${issue?.path.join('.') ?? 'its manifest'}: ${issue?.message ?? 'does not read'}`)
  }
  if (canonicalJson(value) !== text) return unreadable('its manifest is not in canonical form')
  return data
}
