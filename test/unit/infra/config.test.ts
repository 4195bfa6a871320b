import assert from 'node:assert/strict'
import os from 'node:os'
import path from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ConfigError, connectionsOf, connectionsToEnv, loadConfig, variableNames, type Connections } from '../../../infra/config.ts'
import { root } from '../../../infra/setup/paths.mjs'

function problems(env: NodeJS.ProcessEnv): string[] {
  try {
    loadConfig(env)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return [...error.problems]
  }
  return []
}

const external = {
  DATABASE_URL: 'postgres://app:secret1@db:5432/twinward',
  TEMPORAL_ADDRESS: 'temporal.example:7233',
  S3_ENDPOINT: 'https://s3.example.com/',
  S3_ACCESS_KEY: 'key',
  S3_SECRET_KEY: 'secret2',
  MQTT_URL: 'mqtts://broker:8883',
}

describe('loadConfig', () => {
  it('needs nothing: every server is then embedded', () => {
    const config = loadConfig({ HOME: '/home/me' })
    assert.equal(config.dataDir, path.join(root, '.twinward'))
    assert.deepEqual([config.host, config.port, config.logLevel], ['127.0.0.1', 8080, 'info'])
    assert.deepEqual([config.database, config.temporal, config.s3, config.mqtt], [undefined, undefined, undefined, undefined])
    assert.deepEqual(config.embedded, { namespace: 'default', bucketPrefix: 'twinward', region: 'us-east-1', ports: {} })
  })

  it('lets gateways in where the API listens, on the usual ports, unless told', () => {
    assert.deepEqual(loadConfig({}).door, { host: '127.0.0.1', name: '127.0.0.1', port: 8443, mqttPort: 8883 })
    assert.deepEqual(loadConfig({ TWINWARD_PORT: '0', TWINWARD_DOOR_NAME: 'twinward.example.com', TWINWARD_DOOR_HOST: '0.0.0.0' }).door, { host: '0.0.0.0', name: 'twinward.example.com', port: 0, mqttPort: 0 })
    assert.equal(loadConfig({ TWINWARD_HOST: '0.0.0.0' }).door.name, os.hostname())
    assert.deepEqual(loadConfig({ TWINWARD_GATEWAY_CA_CERT: 'c', TWINWARD_GATEWAY_CA_KEY: 'k' }).door.authority, { certificateFile: 'c', keyFile: 'k' })
    assert.match(problems({ TWINWARD_GATEWAY_CA_CERT: 'c' })[0] ?? '', /^TWINWARD_GATEWAY_CA_KEY is not set/)
    assert.match(problems({ TWINWARD_GATEWAY_CA_KEY: 'k' })[0] ?? '', /^TWINWARD_GATEWAY_CA_CERT is not set/)
  })

  it('takes an empty value as not set', () => {
    assert.equal(loadConfig({ TWINWARD_PORT: '', DATABASE_URL: '' }).port, 8080)
  })

  it('reads addresses of servers that somebody else runs', () => {
    const config = loadConfig({ ...external, DATABASE_MIGRATION_URL: 'postgresql://owner:s@db/twinward', MQTT_USERNAME: 'u', MQTT_PASSWORD: 'p' })
    assert.deepEqual(config.database, { url: external.DATABASE_URL, migrationUrl: 'postgresql://owner:s@db/twinward' })
    assert.deepEqual(config.temporal, { address: 'temporal.example:7233', namespace: 'default' })
    assert.equal(config.s3?.endpoint, 'https://s3.example.com')
    assert.deepEqual(config.mqtt, { url: 'mqtts://broker:8883', username: 'u', password: 'p' })
  })

  it('migrates with the application\'s role unless another is named', () => {
    assert.equal(loadConfig(external).database?.migrationUrl, external.DATABASE_URL)
  })

  it('uses TLS towards Temporal when told, when there is a certificate, and with an API key', () => {
    const temporal = (env: NodeJS.ProcessEnv) => loadConfig({ TEMPORAL_ADDRESS: 'a:1', ...env }).temporal
    assert.equal(temporal({})?.tls, undefined)
    assert.deepEqual(temporal({ TEMPORAL_TLS: 'true' })?.tls, {})
    assert.deepEqual(temporal({ TEMPORAL_TLS_CA: '/ca.pem' })?.tls, { caFile: '/ca.pem' })
    assert.deepEqual(temporal({ TEMPORAL_API_KEY: 'k' }), { address: 'a:1', namespace: 'default', tls: {}, apiKey: 'k' })
    assert.deepEqual(temporal({ TEMPORAL_TLS_CERT: '/c.pem', TEMPORAL_TLS_KEY: '/k.pem' })?.tls, { certFile: '/c.pem', keyFile: '/k.pem' })
  })

  const wrong: [name: string, value: string][] = [
    ['TWINWARD_HOST', 'http://here'],
    ['TWINWARD_PORT', '80800'],
    ['TWINWARD_PORT', 'http'],
    ['LOG_LEVEL', 'loud'],
    ['DATABASE_URL', 'mysql://u:hidden@h/d'],
    ['TEMPORAL_ADDRESS', 'http://localhost:7233'],
    ['TEMPORAL_NAMESPACE', 'a b'],
    ['TEMPORAL_TLS', 'yes'],
    ['TEMPORAL_UI_URL', 'localhost:8233'],
    ['S3_REGION', 'us east'],
    ['S3_BUCKET_PREFIX', 'Twin_Ward'],
    ['MQTT_URL', 'http://u:hidden@broker'],
    ['TWINWARD_DOOR_HOST', 'https://here'],
    ['TWINWARD_DOOR_NAME', 'twinward.example.com:8443'],
    ['TWINWARD_DOOR_PORT', '84430'],
    ['TWINWARD_DOOR_MQTT_PORT', 'mqtt'],
    ['TWINWARD_POSTGRES_PORT', '0'],
    ['TWINWARD_TEMPORAL_PORT', '-1'],
    ['TWINWARD_TEMPORAL_UI_PORT', '99999'],
    ['TWINWARD_MINIO_PORT', '1.5'],
    ['TWINWARD_MQTT_PORT', 'x'],
  ]
  for (const [name, value] of wrong) {
    it(`names ${name} and the cure for "${value}"`, () => {
      const found = problems({ [name]: value })
      assert.equal(found.length, 1)
      assert.match(found[0] ?? '', new RegExp(`^${name} is .+\\. Set it to .+\\.$|^${name} is .+Set it to .+, or leave it out`))
      assert.doesNotMatch(found[0] ?? '', /hidden/)
    })
  }

  it('refuses an S3 address with a path', () => {
    assert.match(problems({ ...external, S3_ENDPOINT: 'https://s3.example.com/bucket' }).join(), /^S3_ENDPOINT/)
  })

  const halves: [env: NodeJS.ProcessEnv, missing: string][] = [
    [{ DATABASE_MIGRATION_URL: 'postgres://o@h/d' }, 'DATABASE_URL'],
    [{ TEMPORAL_TLS_CERT: '/c' }, 'TEMPORAL_TLS_KEY'],
    [{ TEMPORAL_TLS_KEY: '/k' }, 'TEMPORAL_TLS_CERT'],
    [{ S3_ENDPOINT: 'http://s3', S3_SECRET_KEY: 's' }, 'S3_ACCESS_KEY'],
    [{ S3_ENDPOINT: 'http://s3', S3_ACCESS_KEY: 'a' }, 'S3_SECRET_KEY'],
    [{ MQTT_PASSWORD: 'p' }, 'MQTT_USERNAME'],
  ]
  for (const [env, missing] of halves) {
    it(`asks for ${missing} when only ${Object.keys(env).join(' and ')} is there`, () => {
      assert.match(problems(env).join('\n'), new RegExp(`^${missing} is not set, but`))
    })
  }

  it('refuses certificates beside TEMPORAL_TLS=false', () => {
    assert.match(problems({ TEMPORAL_TLS: 'false', TEMPORAL_TLS_CA: '/ca' }).join(), /^TEMPORAL_TLS is "false"/)
  })

  it('lists every problem at once', () => {
    const found = problems({ TWINWARD_PORT: 'x', LOG_LEVEL: 'y', MQTT_URL: 'z' })
    assert.deepEqual(found.map((text) => text.split(' ')[0]), ['TWINWARD_PORT', 'LOG_LEVEL', 'MQTT_URL'])
    assert.throws(() => loadConfig({ TWINWARD_PORT: 'x', LOG_LEVEL: 'y' }), /cannot be used:\n {2}- TWINWARD_PORT.+\n {2}- LOG_LEVEL/)
  })

  it('never fails in another way, whatever the environment holds', () => {
    const value = fc.oneof(fc.string(), fc.constantFrom('0', '8080', 'true', 'postgres://a:b@c/d', 'http://[', '127.0.0.1:7233'))
    fc.assert(fc.property(fc.dictionary(fc.constantFrom(...variableNames), value), (env) => {
      try {
        loadConfig(env)
      } catch (error) {
        assert.ok(error instanceof ConfigError)
      }
    }))
  })
})

describe('connections', () => {
  const connections: Connections = {
    database: { url: 'postgres://a:p%40ss@h:1/d', migrationUrl: 'postgres://o:q@h:1/d' },
    temporal: { address: 'h:2', namespace: 'n1', tls: { caFile: '/ca', certFile: '/c', keyFile: '/k' }, apiKey: 'key', uiUrl: 'http://h:3' },
    s3: { endpoint: 'http://h:4', region: 'eu-1', bucketPrefix: 'tw', accessKey: 'a', secretKey: 's' },
    mqtt: { url: 'mqtt://h:5', username: 'u', password: 'p' },
  }

  it('come out of a child\'s environment as they went in', () => {
    assert.deepEqual(connectionsOf(loadConfig(connectionsToEnv(connections, { migrations: true }))), connections)
    const plain: Connections = { ...connections, temporal: { address: 'h:2', namespace: 'n1' }, mqtt: { url: 'mqtt://h:5' } }
    assert.deepEqual(connectionsOf(loadConfig(connectionsToEnv(plain, { migrations: true }))), plain)
  })

  it('keep the owner of the tables from a child that does not migrate', () => {
    assert.equal('DATABASE_MIGRATION_URL' in connectionsToEnv(connections), false)
  })

  it('name what is missing', () => {
    assert.throws(() => connectionsOf(loadConfig({ DATABASE_URL: 'postgres://h/d' })),
      (error: unknown) => error instanceof ConfigError && error.problems.length === 3
        && error.problems.every((text) => /^(TEMPORAL_ADDRESS|S3_ENDPOINT|MQTT_URL) is not set/.test(text)))
  })
})
