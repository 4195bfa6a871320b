import { refuse, type ErrorCode } from '../errors.ts'
import { SIGNED_FAULTS } from '../signed/faults.ts'

/** Why an update is not taken, each with the code of its refusal. */
const CODES = {
  ...SIGNED_FAULTS,
  wrong_platform: 'conflict',
  wrong_node: 'conflict',
  no_way_back: 'conflict',
  no_room: 'unavailable',
} as const satisfies Record<string, ErrorCode>
export type UpdateFault = keyof typeof CODES

/** Refuses an update: `details.fault` tells a program what the message tells a person. */
export function refuseUpdate(fault: UpdateFault, message: string, details: Record<string, unknown> = {}): never {
  return refuse(CODES[fault], message, { fault, ...details })
}
