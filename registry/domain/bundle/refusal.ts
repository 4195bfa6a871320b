import { refuse, type ErrorCode } from '../errors.ts'

/** Why a bundle is not taken, each with the code of its refusal. */
const CODES = {
  not_a_bundle: 'invalid',
  format: 'unprocessable',
  too_large: 'too_large',
  truncated: 'digest_mismatch',
  unsigned: 'unauthenticated',
  unknown_key: 'unauthenticated',
  changed: 'digest_mismatch',
  unreadable: 'unprocessable',
  wrong_site: 'conflict',
  wrong_asset: 'conflict',
  wrong_tags: 'conflict',
  older: 'stale_state',
} as const satisfies Record<string, ErrorCode>
export type BundleFault = keyof typeof CODES

/** Refuses a bundle: `details.fault` tells a program what the message tells a person. */
export function refuseBundle(fault: BundleFault, message: string, details: Record<string, unknown> = {}): never {
  return refuse(CODES[fault], message, { fault, ...details })
}
