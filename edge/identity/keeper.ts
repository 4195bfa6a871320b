import { createHash, type X509Certificate } from 'node:crypto'
import type { Logger } from 'pino'
import { givenCertificateSchema, identityStateSchema } from '../../registry/domain/contract/gateway-identity.ts'
import { microsToIso } from '../../registry/domain/contract/time.ts'
import { DomainError, refuse } from '../../registry/domain/errors.ts'
import { renewalDueUs } from '../../registry/domain/identity/certificate-state.ts'
import { createBell } from '../bell.ts'
import type { DialledLink } from '../mqtt-link.ts'
import { askDoor } from './ask-door.ts'
import type { KnownTime } from './check-door.ts'
import { dialDoor, type DialOptions } from './dial.ts'
import { certificateOf, identityOf } from './enrol.ts'
import type { Identity, IdentityStore, Stage } from './store.ts'

export interface IdentityKeeperOptions {
  readonly store: () => IdentityStore
  readonly site: string
  readonly gateway: string
  readonly log: Logger
  /** The platform's time, as far as it has told it since the start. */
  readonly platformNowUs: () => number | null
  /** What the status must show until it is mended. */
  readonly onProblem: (problem: string | null) => void
  /** Connects anew, as another certificate is there. */
  readonly redial: () => void
  /** How often it is looked whether to renew, a minute unless told. */
  readonly everyMs?: number
}

/** Shows who the gateway is, and renews that in time. */
export interface IdentityKeeper {
  readonly dial: (signal: AbortSignal) => Promise<DialledLink>
  run(signal: AbortSignal): Promise<void>
  /** Renews now, due or not; what is renewed already and waits to be used stays. Refuses as the door does. */
  renewNow(signal: AbortSignal): Promise<void>
  /** How long the certificate in use is good by the platform's clock, seconds; null where nobody knows. */
  secondsLeft(): number | null
}

const EVERY_MS = 60_000
/** CONNACK's return code of a server that is not there now (MQTT 3.1.1, 3.2.2.3). */
const UNAVAILABLE = 3

/**
 * Reads the identity from disk for each connection: whoever enrols the box anew need not start the gateway. A renewed
 * certificate is tried first, and takes the place of the old one once a connection by it was let in; one that is turned away
 * is dropped, and the old one goes on.
 */
export function createIdentityKeeper({ store: openStore, site, gateway, log, platformNowUs, onProblem, redial, everyMs = EVERY_MS }: IdentityKeeperOptions): IdentityKeeper {
  let goodUntilUs: number | null = null

  function newest(store: IdentityStore): { stage: Stage; identity: Identity } {
    const next = readNext(store)
    const identity = next ?? store.read('current') ?? refuse('not_found', `This gateway shows a certificate, and has none yet: make a token on the platform (twinward gateways enrol ${gateway}) and run "twinward-edge enrol" with this site file.`, { fault: 'not_enrolled' })
    if (identity.site !== site || identity.gateway !== gateway) {
      refuse('invalid', `The certificate of this box is for gateway ${identity.gateway} of site ${identity.site}, and the site file says ${gateway} of ${site}. Enrol it for that one, or correct the site file.`, { fault: 'other_gateway' })
    }
    return { stage: next === null ? 'current' : 'next', identity }
  }

  /** A renewed one that was damaged is asked for again. */
  function readNext(store: IdentityStore): Identity | null {
    try {
      return store.read('next')
    } catch (error) {
      if (!(error instanceof DomainError) || error.code !== 'invalid') throw error
      store.drop('next')
      return null
    }
  }

  const timeFor = (identity: Identity): KnownTime => ({ atLeastUs: identity.notBeforeUs, nowUs: platformNowUs() })
  const optionsFor = (identity: Identity, address: string, signal?: AbortSignal): DialOptions => ({
    address, time: timeFor(identity), own: { certificate: identity.certificate, key: identity.key }, authorities: authoritiesOf(identity), ...(signal && { signal }),
  })

  /** Asks why, over HTTPS: what MQTT says has no room for it. */
  async function whyRefused(store: IdentityStore, stage: Stage, identity: Identity, code: number | undefined): Promise<string> {
    if (code === UNAVAILABLE) return 'the platform\'s broker or database does not answer behind its door; it comes back by itself'
    try {
      await askDoor(optionsFor(identity, identity.door), 'GET', '/identity', identityStateSchema)
      return 'the platform\'s broker turned its door away, though the certificate is good; see the door\'s log on the platform'
    } catch (error) {
      const judged = error instanceof DomainError && error.code !== 'unavailable'
      if (judged && stage === 'next') store.drop('next')
      const why = error instanceof Error ? error.message : String(error)
      if (judged && stage === 'current') onProblem(why)
      return why
    }
  }

  async function renew(store: IdentityStore, identity: Identity, signal: AbortSignal): Promise<void> {
    const of = `renew ${createHash('sha256').update(identity.certificate).digest('hex')}`
    const { makeKey, makeRequest } = await import('./request.ts')
    const key = store.waitingKey(of) ?? makeKey()
    store.putWaitingKey(of, key)
    const given = await askDoor(optionsFor(identity, identity.door, signal), 'POST', '/renew', givenCertificateSchema, { request: await makeRequest(key) })
    store.put('next', identityOf(given, key, identity.door))
    log.info({ goodUntil: microsToIso(given.notAfterUs) }, 'the certificate was renewed; connecting by the new one')
    redial()
  }

  async function look(signal: AbortSignal): Promise<void> {
    const nowUs = platformNowUs()
    // By a clock that nobody has confirmed nothing is due; and where nobody can be asked, nothing can be renewed.
    if (nowUs === null) return
    const store = openStore()
    const { stage, identity } = newest(store)
    if (stage === 'next' || nowUs < renewalDueUs(identity.notBeforeUs, identity.notAfterUs)) return
    try {
      await renew(store, identity, signal)
      onProblem(null)
    } catch (error) {
      if (signal.aborted) return
      const why = error instanceof Error ? error.message : String(error)
      log.warn({ problem: why }, 'the certificate could not be renewed; it is tried again')
      onProblem(`the certificate is good until ${microsToIso(identity.notAfterUs)} and could not be renewed: ${why}`)
    }
  }

  return {
    async dial(signal) {
      const store = openStore()
      const { stage, identity } = newest(store)
      const stream = await dialDoor(optionsFor(identity, identity.mqtt, signal))
      return {
        stream,
        accepted() {
          goodUntilUs = identity.notAfterUs
          if (stage === 'next') store.promote()
          onProblem(null)
        },
        refused: (code) => whyRefused(store, stage, identity, code),
      }
    },
    async run(signal) {
      while (!signal.aborted) {
        await createBell().wait(signal, everyMs)
        if (signal.aborted) return
        // What keeps the identity from being read is told by the connection, which needs it as well.
        await look(signal).catch((error: unknown) => { log.warn({ err: error }, 'it could not be looked whether the certificate is to be renewed') })
      }
    },
    async renewNow(signal) {
      const store = openStore()
      const { stage, identity } = newest(store)
      if (stage === 'current') await renew(store, identity, signal)
    },
    secondsLeft() {
      const nowUs = platformNowUs()
      return goodUntilUs === null || nowUs === null ? null : Math.round((goodUntilUs - nowUs) / 1e6)
    },
  }
}

function authoritiesOf({ authorities }: Identity): X509Certificate[] {
  return authorities.flatMap((pem) => certificateOf(pem) ?? [])
}
