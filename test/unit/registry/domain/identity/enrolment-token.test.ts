import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readToken, writeToken, type EnrolmentToken } from '../../../../../registry/domain/identity/enrolment-token.ts'
import { DomainError } from '../../../../../registry/domain/errors.ts'

const slug = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,62}$/)
const hex = fc.stringMatching(/^[0-9a-f]{64}$/)
const host = fc.oneof(fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,30}$/), fc.constantFrom('192.0.2.7', '[2001:db8::7]', '[::1]'))
const token: fc.Arbitrary<EnrolmentToken> = fc.record({
  site: slug, gateway: slug, door: fc.tuple(host, fc.integer({ min: 1, max: 65535 })).map(([name, port]) => `${name}:${port}`),
  authorities: fc.array(hex, { minLength: 1, maxLength: 4 }), secret: fc.stringMatching(/^[A-Za-z0-9_-]{43}$/),
}, { noNullPrototype: true })

test('a token is one line that says again what was put into it, whatever blanks are around it', () => {
  fc.assert(fc.property(token, fc.constantFrom('', ' ', '\n', '\r\n'), (given, blank) => {
    const line = writeToken(given)
    assert.match(line, /^[\x21-\x7e]+$/)
    assert.deepEqual(readToken(blank + line + blank), given)
  }))
})

test('one that was cut short or is none is refused, and nothing of it is told', () => {
  fc.assert(fc.property(token, fc.nat(), fc.string(), (given, at, noise) => {
    const line = writeToken(given)
    for (const text of [line.slice(0, at % line.length), noise, `${line} ${noise}x`]) {
      assert.throws(() => readToken(text), (error: unknown) => error instanceof DomainError && error.code === 'invalid' && !error.message.includes(given.secret.slice(0, 12)))
    }
  }))
})
