import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DomainError } from '../../../../../registry/domain/errors.ts'
import { faultOf, refuseCertificate, RENEWED, renewalDueUs, type CertificateFault } from '../../../../../registry/domain/identity/certificate-state.ts'

const record = { site: 'hamburg', gateway: 'gw-1', notAfterUs: 1000, revokedUs: null, revokedBecause: null }

test('a certificate is good until its last moment, and never once it was revoked', () => {
  assert.equal(faultOf(record, 999), null)
  assert.equal(faultOf(record, 1000), 'expired')
  assert.equal(faultOf({ ...record, revokedUs: 1, revokedBecause: 'lost' }, 0), 'revoked')
  assert.equal(faultOf({ ...record, revokedUs: 1, revokedBecause: RENEWED }, 2000), 'renewed')
})

test('each fault has a code, a cure and a name of its own', () => {
  const faults: CertificateFault[] = ['none', 'stranger', 'unknown', 'expired', 'revoked', 'renewed']
  const messages = faults.map((fault) => {
    try {
      return refuseCertificate(fault, record)
    } catch (error) {
      assert.ok(error instanceof DomainError)
      assert.equal(error.details['fault'], fault)
      assert.match(error.message, /twinward-edge enrol/)
      return error.message
    }
  })
  assert.equal(new Set(messages).size, faults.length)
})

test('it is renewed from two thirds of its life on', () => {
  assert.equal(renewalDueUs(300, 1200), 900)
})
