import assert from 'node:assert/strict'
import { readdir, rename, stat } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { MessageSecurityMode, SecurityPolicy } from 'node-opcua-client'
import { DomainError } from '../../../../registry/domain/errors.ts'
import { securityPolicies } from '../../../../edge/connectors/opcua/config.ts'
import { openCertificates } from '../../../../edge/connectors/opcua/certificates.ts'
import { runConnector, startPlant, temporaryFolder } from '../../../helpers/opcua-plant.ts'

const secured = { securityModes: [MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt], securityPolicies: securityPolicies.map((name) => SecurityPolicy[name]) }

test('an unknown server is refused with the file to move; once moved it is let in, by every policy', async (t) => {
  const plant = await startPlant(t, ['Temp'], secured)
  const directory = await temporaryFolder(t)
  const tags = [plant.address('Temp')]
  const refused = await runConnector(t, { endpoint: plant.endpoint, tags, directory, config: { security: {} } })
  const error = await refused.ended.then(() => undefined, (reason: unknown) => reason)
  assert.ok(error instanceof DomainError && error.code === 'unavailable')
  const [, file = '', folder = ''] = /move (\S.*\.pem) to (\S+)$/.exec(error.message) ?? []
  assert.ok(file.startsWith(path.join(directory, 'pki/rejected')), error.message)
  assert.equal((await stat(path.join(directory, 'pki/own/private/private_key.pem'))).mode & 0o777, 0o600)

  await rename(file, path.join(folder, path.basename(file)))
  for (const policy of securityPolicies) {
    for (const mode of ['Sign', 'SignAndEncrypt']) {
      const { outlet, end } = await runConnector(t, { endpoint: plant.endpoint, tags, directory, config: { security: { mode, policy } } })
      await outlet.until(() => outlet.readings().length === 1)
      await end()
    }
  }
})

test('trust on first use takes the first server, and no other after it', async (t) => {
  const directory = await temporaryFolder(t)
  const one = await startPlant(t, ['Temp'], secured)
  const config = { security: { mode: 'Sign' }, trustOnFirstUse: true }
  for (let time = 0; time < 2; time++) {
    const { outlet, end } = await runConnector(t, { endpoint: one.endpoint, tags: [one.address('Temp')], directory, config })
    await outlet.until(() => outlet.readings().length === 1)
    await end()
  }
  const other = await startPlant(t, ['Temp'], secured)
  const stranger = await runConnector(t, { endpoint: other.endpoint, tags: [other.address('Temp')], directory, config })
  await assert.rejects(stranger.ended, { code: 'unavailable', message: /is not trusted/ })
})

test('a security that the server does not offer is refused with what it offers', async (t) => {
  const plant = await startPlant(t, ['Temp'], { securityModes: [MessageSecurityMode.None], securityPolicies: [SecurityPolicy.None] })
  const { ended } = await runConnector(t, { endpoint: plant.endpoint, tags: [plant.address('Temp')], config: { security: {} } })
  await assert.rejects(ended, { code: 'unavailable', message: /does not offer security SignAndEncrypt Basic256Sha256; it offers None None/ })
})

test('a user is let in with the right password, and told so with the wrong one', async (t) => {
  const plant = await startPlant(t, ['Temp'], { ...secured, allowAnonymous: false, userManager: { isValidUser: (name: string, password: string) => name === 'edge' && password === 'right' } })
  const directory = await temporaryFolder(t)
  const tags = [plant.address('Temp')]
  const config = { security: {}, trustOnFirstUse: true, user: { name: 'edge', password: { env: 'PLC_PASSWORD' } } }
  const { outlet, end } = await runConnector(t, { endpoint: plant.endpoint, tags, directory, config, secrets: { PLC_PASSWORD: 'right' } })
  await outlet.until(() => outlet.readings().length === 1)
  await end()
  const wrong = await runConnector(t, { endpoint: plant.endpoint, tags, directory, config, secrets: { PLC_PASSWORD: 'not this one' } })
  const error = await wrong.ended.then(() => undefined, (reason: unknown) => reason)
  assert.ok(error instanceof DomainError)
  assert.match(error.message, /does not accept this user/)
  assert.ok(!JSON.stringify([error.message, error.details]).includes('not this one'))
  const nobody = await runConnector(t, { endpoint: plant.endpoint, tags, directory, config: { security: {} } })
  await assert.rejects(nobody.ended, { message: /does not take no user .* it takes .*user and password/ })
})

test('a user may show a certificate instead', async (t) => {
  const plant = await startPlant(t, ['Temp'], { ...secured, allowAnonymous: false })
  const person = await openCertificates({ directory: await temporaryFolder(t), id: 'operator', trustOnFirstUse: false })
  await person.dispose()
  const { outlet } = await runConnector(t, {
    endpoint: plant.endpoint, tags: [plant.address('Temp')],
    config: { security: {}, trustOnFirstUse: true, user: { certificateFile: person.certificateFile, privateKeyFile: person.privateKeyFile } },
  })
  await outlet.until(() => outlet.readings().length === 1)
})

test('a server that does not trust this gateway is named with the certificate it must trust', async (t) => {
  const plant = await startPlant(t, ['Temp'], secured)
  plant.certificates.automaticallyAcceptUnknownCertificate = false
  const { ended, directory } = await runConnector(t, { endpoint: plant.endpoint, tags: [plant.address('Temp')], config: { security: {}, trustOnFirstUse: true } })
  const error = await ended.then(() => undefined, (reason: unknown) => reason)
  assert.ok(error instanceof DomainError)
  assert.ok(error.message.includes(path.join(directory, 'pki/own/certs/client_certificate.pem')), error.message)
  assert.ok((await readdir(path.join(directory, 'pki/own/certs'))).includes('client_certificate.pem'))
})
