import type { X509Certificate } from 'node:crypto'
import { DOOR_NAME } from '../../registry/domain/contract/gateway-identity.ts'
import { refuse } from '../../registry/domain/errors.ts'

/** What a box knows of the time. Its own clock may be anything at boot. */
export interface KnownTime {
  /** It is no earlier than this: our certificate was made then, by the platform's clock. */
  readonly atLeastUs: number
  /** What the platform's clock says, as far as it has told since the start; else null. */
  readonly nowUs: number | null
}

/** id-kp-serverAuth (RFC 5280, 4.2.1.12): what gateways' own certificates are not good for. */
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'

/**
 * Whether the certificate shown is the door's: signed by an authority we trust, for a server, in the door's name, at this
 * time. That the other side has its key was proved by the handshake (RFC 8446, 4.4.3). Dates are judged by what is known of
 * the time and not by a clock that nobody has set. Refuses (`unauthenticated`) any other.
 */
export function checkDoor(shown: X509Certificate | undefined, authorities: readonly X509Certificate[], time: KnownTime, address: string): void {
  const no = (why: string): never => refuse('unauthenticated', `What answers at ${address} is not the platform's door: ${why}. Check the address, and who is between; `
    + 'if the platform got another authority or was set up anew, enrol this gateway again.', { fault: 'not_the_door' })
  if (shown === undefined) return no('it shows no certificate')
  if (!authorities.some((authority) => isBy(shown, authority))) no('its certificate is by an authority that this gateway does not trust')
  if (!(shown.keyUsage as string[] | undefined)?.includes(SERVER_AUTH) || shown.checkHost(DOOR_NAME) === undefined) no('its certificate is not that of a door')
  const [fromUs, toUs] = [Date.parse(shown.validFrom) * 1000, Date.parse(shown.validTo) * 1000]
  if (toUs < (time.nowUs ?? time.atLeastUs)) no(`its certificate was good until ${shown.validTo}`)
  if (time.nowUs !== null && fromUs > time.nowUs) no(`its certificate is good from ${shown.validFrom} on`)
}

function isBy(shown: X509Certificate, authority: X509Certificate): boolean {
  try {
    return shown.checkIssued(authority) && shown.verify(authority.publicKey)
  } catch {
    return false
  }
}
