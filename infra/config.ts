import { hostname } from 'node:os'
import path from 'node:path'
import { z } from 'zod'
import { cacheDir as defaultCacheDir, root } from './setup/paths.mjs'

/** Where the four servers are and how to enter them: everything a process needs to reach them. */
export interface Connections {
  database: DatabaseConnection
  temporal: TemporalConnection
  s3: S3Connection
  mqtt: MqttConnection
}
export interface DatabaseConnection {
  /** The application's role: it may not change tables, and row-level security binds it. */
  url: string
  /** The role that owns the tables; for migrations only. */
  migrationUrl: string
}
export interface TemporalConnection {
  /** host:port of the front end's gRPC. */
  address: string
  namespace: string
  tls?: { caFile?: string; certFile?: string; keyFile?: string }
  apiKey?: string
  /** Where people look at workflows, when there is such a place. */
  uiUrl?: string
}
export interface S3Connection {
  /** http or https address without a path. */
  endpoint: string
  region: string
  /** Bucket names begin with it: `<prefix>-raw` and so on. */
  bucketPrefix: string
  accessKey: string
  secretKey: string
}
export interface MqttConnection {
  url: string
  username?: string
  password?: string
}

export interface DoorConfig {
  /** Listens there; the API's host unless told. */
  host: string
  /** The name or address by which gateways reach this machine; it goes into enrolment tokens. */
  name: string
  /** HTTPS; 0 means any free port, as for the API. */
  port: number
  mqttPort: number
  /** An authority of your own, in PEM files. */
  authority?: { certificateFile: string; keyFile: string }
}

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** What the environment says. A server that it does not name is one that the platform starts itself. */
export interface Config {
  dataDir: string
  cacheDir: string
  host: string
  /** 0 means any free port. */
  port: number
  /** Serve /metrics to whoever reaches the port, without a key. */
  metricsOpen: boolean
  logLevel: LogLevel
  database?: DatabaseConnection
  temporal?: TemporalConnection
  s3?: S3Connection
  mqtt?: MqttConnection
  /** Where gateways come in. */
  door: DoorConfig
  /** Used by the embedded servers, which have no address of their own in the environment. */
  embedded: {
    namespace: string
    bucketPrefix: string
    region: string
    ports: { postgres?: number; temporal?: number; temporalUi?: number; minio?: number; mqtt?: number }
  }
}

/** A configuration that cannot work. The message names each variable and its cure. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`The configuration cannot be used:\n${problems.map((line) => `  - ${line}`).join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

const port = (lowest: number) => z.string().regex(/^\d{1,5}$/).transform(Number).pipe(z.number().min(lowest).max(65535))
const url = (...schemes: string[]) => z.string().refine((text) => schemes.includes(schemeOf(text)))
const hostAndPort = z.string().regex(/^[^\s/:]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/)

interface Variable {
  schema: z.ZodType<unknown, string>
  /** How to write it, as shown to whoever got it wrong. */
  cure: string
  /** Its value may be shown in an error. Those that can hold a password may not. */
  shown: boolean
}

const open = (schema: Variable['schema'], cure: string): Variable => ({ schema, cure, shown: true })
const secret = (schema: Variable['schema'], cure: string): Variable => ({ schema, cure, shown: false })
const anyText = z.string()
const hostName = z.string().regex(/^[^\s/]+$/)
const embeddedPort = open(port(1), 'a port from 1 to 65535, or leave it out for any free one')

/** Every variable that Twinward reads, and nothing else reads the environment. */
const variables = {
  TWINWARD_DATA_DIR: open(anyText, 'a folder that can be written'),
  TWINWARD_CACHE: open(anyText, 'a folder that can be written'),
  TWINWARD_HOST: open(hostName, 'a host name or address to listen on, such as 127.0.0.1 or 0.0.0.0'),
  TWINWARD_PORT: open(port(0), 'a port from 1 to 65535 (8080 is the default), or 0 for any free one'),
  TWINWARD_METRICS_OPEN: open(z.enum(['true', 'false']), 'true to serve /metrics without a key, or false'),
  LOG_LEVEL: open(z.enum(logLevels), `one of ${logLevels.join(', ')}`),
  DATABASE_URL: secret(url('postgres:', 'postgresql:'), 'postgres://user:password@host:5432/database'),
  DATABASE_MIGRATION_URL: secret(url('postgres:', 'postgresql:'),
    'postgres://owner:password@host:5432/database, with the role that owns the tables'),
  TEMPORAL_ADDRESS: open(hostAndPort, 'host:port without a scheme, such as 127.0.0.1:7233'),
  TEMPORAL_NAMESPACE: open(z.string().regex(/^[A-Za-z0-9][\w.-]+$/), 'the name of a namespace, such as default'),
  TEMPORAL_TLS: open(z.enum(['true', 'false']), 'true or false'),
  TEMPORAL_TLS_CA: open(anyText, 'the path of a PEM file'),
  TEMPORAL_TLS_CERT: open(anyText, 'the path of a PEM file'),
  TEMPORAL_TLS_KEY: open(anyText, 'the path of a PEM file'),
  TEMPORAL_API_KEY: secret(anyText, 'the API key'),
  TEMPORAL_UI_URL: open(url('http:', 'https:'), 'the http(s) address of the Temporal Web UI'),
  S3_ENDPOINT: open(url('http:', 'https:').refine((text) => URL.canParse(text) && ['', '/'].includes(new URL(text).pathname)),
    'an address without a path, such as https://s3.example.com'),
  S3_REGION: open(z.string().regex(/^[\w-]+$/), 'the name of a region, such as us-east-1'),
  S3_BUCKET_PREFIX: open(z.string().regex(/^[a-z0-9][a-z0-9-]{1,29}$/), '2 to 30 lower-case letters, digits and hyphens'),
  S3_ACCESS_KEY: secret(anyText, 'the access key'),
  S3_SECRET_KEY: secret(anyText, 'the secret key'),
  MQTT_URL: secret(url('mqtt:', 'mqtts:', 'ws:', 'wss:'), 'mqtt://host:1883, or mqtts:// for TLS'),
  MQTT_USERNAME: open(anyText, 'the user name'),
  MQTT_PASSWORD: secret(anyText, 'the password'),
  TWINWARD_DOOR_HOST: open(hostName, 'a host name or address for gateways to come in by, such as 0.0.0.0'),
  TWINWARD_DOOR_NAME: open(z.string().regex(/^([A-Za-z0-9._-]+|[0-9a-fA-F:]+)$/), 'the name or address by which gateways reach this machine, without a port, such as twinward.example.com'),
  TWINWARD_DOOR_PORT: open(port(0), 'a port from 1 to 65535 (8443 is the default), or 0 for any free one'),
  TWINWARD_DOOR_MQTT_PORT: open(port(0), 'a port from 1 to 65535 (8883 is the default), or 0 for any free one'),
  TWINWARD_GATEWAY_CA_CERT: open(anyText, 'the path of a PEM file'),
  TWINWARD_GATEWAY_CA_KEY: open(anyText, 'the path of a PEM file'),
  TWINWARD_POSTGRES_PORT: embeddedPort,
  TWINWARD_TEMPORAL_PORT: embeddedPort,
  TWINWARD_TEMPORAL_UI_PORT: embeddedPort,
  TWINWARD_MINIO_PORT: embeddedPort,
  TWINWARD_MQTT_PORT: embeddedPort,
} satisfies Record<string, Variable>

export type VariableName = keyof typeof variables

/** Names of all variables that are read, for documentation and for starting a process with a clean environment. */
export const variableNames = Object.keys(variables) as VariableName[]

/**
 * Reads and checks the environment. An empty value counts as not set.
 * @throws ConfigError with every problem at once
 */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const problems = check(env)
  if (problems.length > 0) throw new ConfigError(problems)

  const text = (name: VariableName) => env[name] || undefined
  const number = (name: VariableName) => (env[name] ? Number(env[name]) : undefined)
  const namespace = text('TEMPORAL_NAMESPACE') ?? 'default'
  const bucketPrefix = text('S3_BUCKET_PREFIX') ?? 'twinward'
  const region = text('S3_REGION') ?? 'us-east-1'

  const databaseUrl = text('DATABASE_URL')
  const address = text('TEMPORAL_ADDRESS')
  const endpoint = text('S3_ENDPOINT')
  const mqttUrl = text('MQTT_URL')
  return {
    dataDir: path.resolve(text('TWINWARD_DATA_DIR') ?? path.join(root, '.twinward')),
    cacheDir: defaultCacheDir(env),
    host: text('TWINWARD_HOST') ?? '127.0.0.1',
    port: number('TWINWARD_PORT') ?? 8080,
    metricsOpen: text('TWINWARD_METRICS_OPEN') === 'true',
    logLevel: (text('LOG_LEVEL') as LogLevel | undefined) ?? 'info',
    ...(databaseUrl && {
      database: { url: databaseUrl, migrationUrl: text('DATABASE_MIGRATION_URL') ?? databaseUrl },
    }),
    ...(address && {
      temporal: {
        address,
        namespace,
        ...defined('tls', temporalTls(text)),
        ...defined('apiKey', text('TEMPORAL_API_KEY')),
        ...defined('uiUrl', text('TEMPORAL_UI_URL')),
      },
    }),
    ...(endpoint && {
      s3: {
        endpoint: endpoint.replace(/\/$/, ''),
        region,
        bucketPrefix,
        accessKey: text('S3_ACCESS_KEY') ?? '',
        secretKey: text('S3_SECRET_KEY') ?? '',
      },
    }),
    ...(mqttUrl && {
      mqtt: {
        url: mqttUrl,
        ...defined('username', text('MQTT_USERNAME')),
        ...defined('password', text('MQTT_PASSWORD')),
      },
    }),
    door: doorOf(text, number),
    embedded: {
      namespace,
      bucketPrefix,
      region,
      ports: {
        ...defined('postgres', number('TWINWARD_POSTGRES_PORT')),
        ...defined('temporal', number('TWINWARD_TEMPORAL_PORT')),
        ...defined('temporalUi', number('TWINWARD_TEMPORAL_UI_PORT')),
        ...defined('minio', number('TWINWARD_MINIO_PORT')),
        ...defined('mqtt', number('TWINWARD_MQTT_PORT')),
      },
    },
  }
}

/**
 * The connections of a process that starts no servers of its own: all four must be in its environment.
 * @throws ConfigError naming the variables that are missing
 */
export function connectionsOf(config: Config): Connections {
  const { database, temporal, s3, mqtt } = config
  if (database && temporal && s3 && mqtt) return { database, temporal, s3, mqtt }
  const missing = Object.entries({ DATABASE_URL: database, TEMPORAL_ADDRESS: temporal, S3_ENDPOINT: s3, MQTT_URL: mqtt })
    .filter(([, value]) => value === undefined)
    .map(([name]) => `${name} is not set. This process starts no servers itself: set it, or run \`npm start\`, which does.`)
  throw new ConfigError(missing)
}

/**
 * The same connections as environment variables, for a child process, which then calls `loadConfig` itself. Secrets go
 * this way and never onto a command line, where other users of the machine could read them.
 * @param options.migrations also hand over the role that owns the tables
 */
export function connectionsToEnv(
  { database, temporal, s3, mqtt }: Connections, options: { migrations?: boolean } = {},
): Partial<Record<VariableName, string>> {
  return {
    DATABASE_URL: database.url,
    ...(options.migrations && { DATABASE_MIGRATION_URL: database.migrationUrl }),
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    ...(temporal.tls && { TEMPORAL_TLS: 'true' }),
    ...defined('TEMPORAL_TLS_CA', temporal.tls?.caFile),
    ...defined('TEMPORAL_TLS_CERT', temporal.tls?.certFile),
    ...defined('TEMPORAL_TLS_KEY', temporal.tls?.keyFile),
    ...defined('TEMPORAL_API_KEY', temporal.apiKey),
    ...defined('TEMPORAL_UI_URL', temporal.uiUrl),
    S3_ENDPOINT: s3.endpoint,
    S3_REGION: s3.region,
    S3_BUCKET_PREFIX: s3.bucketPrefix,
    S3_ACCESS_KEY: s3.accessKey,
    S3_SECRET_KEY: s3.secretKey,
    MQTT_URL: mqtt.url,
    ...defined('MQTT_USERNAME', mqtt.username),
    ...defined('MQTT_PASSWORD', mqtt.password),
  }
}

function check(env: NodeJS.ProcessEnv): string[] {
  const problems: string[] = []
  for (const [name, { schema, cure, shown }] of Object.entries(variables) as [VariableName, Variable][]) {
    const value = env[name]
    if (value === undefined || value === '' || schema.safeParse(value).success) continue
    problems.push(`${name} is ${shown ? `"${value}"` : 'not usable (its value is not shown)'}. Set it to ${cure}.`)
  }
  /** `name` makes sense only when `needed` is set as well. */
  const needs = (name: VariableName, needed: VariableName, why: string) => {
    if (env[name] && !env[needed]) problems.push(`${needed} is not set, but ${name} is. ${why}`)
  }
  needs('DATABASE_MIGRATION_URL', 'DATABASE_URL', 'Set both, or neither for the embedded PostgreSQL.')
  needs('TEMPORAL_TLS_CERT', 'TEMPORAL_TLS_KEY', 'A client certificate needs its key: set both or neither.')
  needs('TEMPORAL_TLS_KEY', 'TEMPORAL_TLS_CERT', 'A client key needs its certificate: set both or neither.')
  needs('S3_ENDPOINT', 'S3_ACCESS_KEY', 'Set the access key of that storage.')
  needs('S3_ENDPOINT', 'S3_SECRET_KEY', 'Set the secret key of that storage.')
  needs('TWINWARD_GATEWAY_CA_CERT', 'TWINWARD_GATEWAY_CA_KEY', 'An authority needs its key: set both or neither.')
  needs('TWINWARD_GATEWAY_CA_KEY', 'TWINWARD_GATEWAY_CA_CERT', 'An authority\'s key needs its certificate: set both or neither.')
  needs('MQTT_PASSWORD', 'MQTT_USERNAME', 'A password needs its user name.')
  if (env['TEMPORAL_TLS'] === 'false' && (env['TEMPORAL_TLS_CA'] || env['TEMPORAL_TLS_CERT'])) {
    problems.push('TEMPORAL_TLS is "false", but certificates are set. Set it to true, or leave out TEMPORAL_TLS_CA and TEMPORAL_TLS_CERT.')
  }
  return problems
}

function temporalTls(text: (name: VariableName) => string | undefined): TemporalConnection['tls'] {
  const tls = {
    ...defined('caFile', text('TEMPORAL_TLS_CA')),
    ...defined('certFile', text('TEMPORAL_TLS_CERT')),
    ...defined('keyFile', text('TEMPORAL_TLS_KEY')),
  }
  // Temporal Cloud's API keys travel over TLS only.
  const wanted = text('TEMPORAL_TLS') === 'true' || Object.keys(tls).length > 0
    || (text('TEMPORAL_API_KEY') !== undefined && text('TEMPORAL_TLS') !== 'false')
  return wanted ? tls : undefined
}

/** Any free port for the API means any free ones for the door: whoever starts several at once says it once. */
function doorOf(text: (name: VariableName) => string | undefined, number: (name: VariableName) => number | undefined): DoorConfig {
  const host = text('TWINWARD_DOOR_HOST') ?? text('TWINWARD_HOST') ?? '127.0.0.1'
  const usual = (port: number) => (number('TWINWARD_PORT') === 0 ? 0 : port)
  const [certificateFile, keyFile] = [text('TWINWARD_GATEWAY_CA_CERT'), text('TWINWARD_GATEWAY_CA_KEY')]
  return {
    host, name: text('TWINWARD_DOOR_NAME') ?? (host === '0.0.0.0' || host === '::' ? hostname() : host),
    port: number('TWINWARD_DOOR_PORT') ?? usual(8443), mqttPort: number('TWINWARD_DOOR_MQTT_PORT') ?? usual(8883),
    ...(certificateFile !== undefined && keyFile !== undefined && { authority: { certificateFile, keyFile } }),
  }
}

function schemeOf(text: string): string {
  return URL.canParse(text) ? new URL(text).protocol : ''
}

/** `{ [key]: value }`, or nothing when there is no value: an optional property is absent, never undefined. */
function defined<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V }
}
