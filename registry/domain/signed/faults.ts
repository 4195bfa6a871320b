import type { ErrorCode } from '../errors.ts'

/** Why a signed file is not taken, whatever it holds, each with the code of its refusal. */
export const SIGNED_FAULTS = {
  not_a_bundle: 'invalid',
  format: 'unprocessable',
  too_large: 'too_large',
  truncated: 'digest_mismatch',
  unsigned: 'unauthenticated',
  unknown_key: 'unauthenticated',
  changed: 'digest_mismatch',
  unreadable: 'unprocessable',
  older: 'stale_state',
} as const satisfies Record<string, ErrorCode>
