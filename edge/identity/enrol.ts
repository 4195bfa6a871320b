import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { authoritiesSchema, givenCertificateSchema, type GivenCertificate } from '../../registry/domain/contract/gateway-identity.ts'
import { refuse } from '../../registry/domain/errors.ts'
import { readToken } from '../../registry/domain/identity/enrolment-token.ts'
import { askDoor } from './ask-door.ts'
import type { KnownTime } from './check-door.ts'
import type { Identity, IdentityStore } from './store.ts'

/** Nothing is known of the time: the pinned key alone says who answers. */
const NO_TIME: KnownTime = { atLeastUs: 0, nowUs: null }

/**
 * Makes this box the gateway that a token speaks of. First it is asked who answers, and what answers must have a key that the
 * token names: only then is the token shown. What was started and broke off goes on with the same token, by the same key.
 *
 * Refuses (`invalid`) what is no token, or one for another gateway than the site file's, (`unauthenticated`) another door
 * than the token names, and as the door does.
 */
export async function enrol(store: IdentityStore, input: { readonly token: string; readonly site: string; readonly gateway: string }): Promise<Identity> {
  const token = readToken(input.token)
  if (token.site !== input.site || token.gateway !== input.gateway) {
    refuse('invalid', `The token is for gateway ${token.gateway} of site ${token.site}, and the site file says ${input.gateway} of ${input.site}. Make a token for this one, or correct the site file.`, { fault: 'other_gateway' })
  }
  const { makeKey, makeRequest } = await import('./request.ts')
  const of = createHash('sha256').update(token.secret).digest('hex')
  const key = store.waitingKey(of) ?? makeKey()
  store.putWaitingKey(of, key)
  const shown = await askDoor({ address: token.door, authorities: null, time: NO_TIME }, 'GET', '/ca', authoritiesSchema)
  const pinned = shown.authorities.map((pem) => certificateOf(pem)).filter((one) => one !== null && token.authorities.includes(keyIdOf(one))) as X509Certificate[]
  if (pinned.length === 0) {
    refuse('unauthenticated', `What answers at ${token.door} has none of the authorities that the token names: it is another platform, somebody is between, or the authority was exchanged since. Nothing was told to it. Make another token.`, { fault: 'not_the_door' })
  }
  const given = await askDoor({ address: token.door, authorities: pinned, time: NO_TIME }, 'POST', '/enrol', givenCertificateSchema, { token: input.token.trim(), request: await makeRequest(key) })
  const identity = identityOf(given, key, token.door)
  if (given.site !== token.site || given.gateway !== token.gateway) refuse('contract_broken', `The platform gave a certificate for ${given.site}/${given.gateway}; that is not this gateway.`)
  store.drop('next')
  store.put('current', identity)
  return identity
}

/** What was given, with our key. Refuses (`contract_broken`) a certificate for another key. */
export function identityOf({ serverUs: _serverUs, ...given }: GivenCertificate, key: string, door: string): Identity {
  if (certificateOf(given.certificate)?.checkPrivateKey(createPrivateKey(key)) !== true) refuse('contract_broken', 'The platform gave a certificate that is not for the key of this box.')
  return { ...given, door, key }
}

const keyIdOf = (certificate: X509Certificate): string => createHash('sha256').update(certificate.publicKey.export({ type: 'spki', format: 'der' })).digest('hex')

export function certificateOf(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem)
  } catch {
    return null
  }
}
