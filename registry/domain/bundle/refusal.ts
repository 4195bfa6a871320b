import { refuse, type ErrorCode } from '../errors.ts'
import { SIGNED_FAULTS } from '../signed/faults.ts'

/** Why a bundle is not taken, each with the code of its refusal. */
const CODES = {
  ...SIGNED_FAULTS,
  wrong_site: 'conflict',
  wrong_asset: 'conflict',
  wrong_tags: 'conflict',
} as const satisfies Record<string, ErrorCode>
export type BundleFault = keyof typeof CODES

/** Refuses a bundle: `details.fault` tells a program what the message tells a person. */
export function refuseBundle(fault: BundleFault, message: string, details: Record<string, unknown> = {}): never {
  return refuse(CODES[fault], message, { fault, ...details })
}
