import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { checkDoor, type KnownTime } from '../../../../edge/identity/check-door.ts'
import { makeKey, makeRequest } from '../../../../edge/identity/request.ts'
import { X509Certificate } from 'node:crypto'
import { makeAuthority, readRequest, signDoor, signGateway, type Issuer } from '../../../../infra/gateway-ca/x509.ts'
import { DomainError } from '../../../../registry/domain/errors.ts'

const T = 1_800_000_000_000_000
const DAY = 86_400_000_000

describe('the door as a box checks it', () => {
  let authority: Issuer, other: Issuer, door: X509Certificate
  before(async () => {
    authority = await makeAuthority('one', T, 3_650)
    other = await makeAuthority('one', T, 3_650)
    door = (await signDoor(authority, T, 30)).certificate
  })
  const check = (shown: X509Certificate | undefined, time: Partial<KnownTime> = {}, by = [authority]) => {
    checkDoor(shown, by.map(({ certificate }) => certificate), { atLeastUs: 0, nowUs: null, ...time }, 'door.example:8883')
  }
  const refuses = (message: RegExp, ...args: Parameters<typeof check>) => {
    assert.throws(() => { check(...args) }, (error: unknown) => error instanceof DomainError && error.code === 'unauthenticated' && error.details['fault'] === 'not_the_door' && message.test(error.message))
  }

  it('is known by its authority, its name and its use, whatever time it is said to be', () => {
    check(door)
    check(door, {}, [other, authority])
    refuses(/no certificate/, undefined)
    // An authority of the same name with another key.
    refuses(/does not trust/, door, {}, [other])
    refuses(/does not trust/, door, {}, [])
    refuses(/not that of a door/, authority.certificate)
  })

  it('is not another gateway, whose certificate is by the same authority', async () => {
    const { pem } = await signGateway(authority, await readRequest(await makeRequest(makeKey())), { site: 'door.twinward.internal', gateway: 'door.twinward.internal' }, T, 90)
    refuses(/not that of a door/, new X509Certificate(pem))
  })

  it('is judged by what is certain of the time: that it is later than our certificate was made, and what the platform said', () => {
    check(door, { atLeastUs: T })
    refuses(/good until/, door, { atLeastUs: T + 31 * DAY })
    check(door, { nowUs: T + 29 * DAY })
    refuses(/good until/, door, { nowUs: T + 31 * DAY })
    refuses(/good from/, door, { nowUs: T - DAY })
    // The platform's word counts, also where it is earlier than what we thought certain.
    check(door, { atLeastUs: T + 31 * DAY, nowUs: T + DAY })
  })
})
