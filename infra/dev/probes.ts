import { readFileSync } from 'node:fs'
import { Connection } from '@temporalio/client'
import { Client as MinioClient } from 'minio'
import { connectAsync } from 'mqtt'
import pg from 'pg'
import type { DatabaseConnection, MqttConnection, S3Connection, TemporalConnection } from '../config.ts'
import type { Health } from './part.ts'

const timeoutMs = 4_000

/** Each probe does what a real client does: it logs in and asks for something. It rejects when that fails. */
export async function probeDatabase({ url }: Pick<DatabaseConnection, 'url'>): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: timeoutMs, query_timeout: timeoutMs })
  // Without a listener, a server that goes away while we look would end this process.
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ server_version: string }>('SHOW server_version')
    return rows[0]?.server_version ?? 'unknown'
  } finally {
    await client.end().catch(() => {})
  }
}

export async function probeTemporal(connection: TemporalConnection): Promise<string> {
  const client = await Connection.connect({ ...temporalOptions(connection), connectTimeout: timeoutMs })
  try {
    return await client.withDeadline(Date.now() + timeoutMs, async () => {
      const info = await client.workflowService.getSystemInfo({})
      await client.workflowService.describeNamespace({ namespace: connection.namespace })
      return info.serverVersion ?? 'unknown'
    })
  } finally {
    await client.close()
  }
}

function temporalOptions({ address, tls, apiKey, namespace }: TemporalConnection) {
  const read = (file: string | undefined) => (file === undefined ? undefined : readFileSync(file))
  const [ca, crt, key] = [read(tls?.caFile), read(tls?.certFile), read(tls?.keyFile)]
  return {
    address,
    ...(tls && {
      tls: { ...(ca && { serverRootCACertificate: ca }), ...(crt && key && { clientCertPair: { crt, key } }) },
    }),
    ...(apiKey !== undefined && { apiKey, metadata: { 'temporal-namespace': namespace } }),
  }
}

export async function probeS3({ endpoint, region, accessKey, secretKey }: S3Connection): Promise<string> {
  const { hostname, port, protocol } = new URL(endpoint)
  const client = new MinioClient({
    endPoint: hostname,
    ...(port && { port: Number(port) }),
    useSSL: protocol === 'https:',
    region,
    accessKey,
    secretKey,
    // It would announce each retry on standard error; whoever probes decides about trying again.
    retryOptions: { disableRetry: true },
  })
  await withTimeout(client.listBuckets())
  return 'S3'
}

export async function probeMqtt({ url, username, password }: MqttConnection): Promise<string> {
  const client = await connectAsync(url, {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    connectTimeout: timeoutMs,
    reconnectPeriod: 0,
  }, false)
  await client.endAsync()
  return 'MQTT'
}

/** A probe's outcome in the form that `twinward status` shows. */
export async function asHealth(probe: () => Promise<string>): Promise<Health> {
  try {
    return { ok: true, detail: await withTimeout(probe()) }
  } catch (error) {
    const reason = error instanceof AggregateError ? (error.errors[0] as unknown) : error
    return { ok: false, detail: (reason instanceof Error ? reason.message : String(reason)).split('\n')[0] ?? 'unknown' }
  }
}

async function withTimeout<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => { reject(new Error(`no answer within ${timeoutMs / 1000} s`)) }, timeoutMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
