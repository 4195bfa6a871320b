import { createHash } from 'node:crypto'
import http from 'node:http'
import https from 'node:https'
import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, RETENTION_MODES, RETENTION_VALIDITY_UNITS, type ObjectLockInfo } from 'minio'
import { DomainError, refuse } from '../domain/errors.ts'
import { PASSING, type BucketKind, type ObjectStore } from './object-store.ts'

export interface MinioOptions {
  /** http or https address without a path. */
  readonly endpoint: string
  readonly region: string
  readonly accessKey: string
  readonly secretKey: string
  /** Bucket names begin with it: `<prefix>-raw` and so on. */
  readonly bucketPrefix: string
  /** Waits before the second, third … try of a call that failed for a passing reason, in ms. */
  readonly retryWaitsMs?: readonly number[]
  /** Longest wait for one try, in ms. */
  readonly timeoutMs?: number
}

const KINDS: readonly BucketKind[] = ['raw', 'models', 'datasets', 'ledger']
/** What these hold must not vanish by mistake: made with object lock, which cannot be switched on later. */
const LOCKED: ReadonlySet<BucketKind> = new Set(['models', 'datasets', 'ledger'])

/** How long a version of a checkpoint cannot be removed by whoever may write it. Governance: an administrator with the right to bypass it can. */
const LEDGER_RETENTION = { mode: RETENTION_MODES.GOVERNANCE, unit: RETENTION_VALIDITY_UNITS.YEARS, validity: 10 } as const
/** A bucket that an operator made without object lock, a store that has none, a key that may not look at it or set it: that is the operator's to decide. */
const NO_RETENTION = new Set(['ObjectLockConfigurationNotFoundError', 'NotImplemented', 'MethodNotAllowed', 'AccessDenied', 'InvalidBucketState'])

/** How long pieces lie that were sent for nothing. */
const PASSING_DAYS = 2
/** A store that has no lifecycle, a key that may not look at it or set it. */
const NO_LIFECYCLE = new Set(['NotImplemented', 'MethodNotAllowed', 'AccessDenied'])

const MISSING = new Set(['NoSuchKey', 'NotFound', 'NoSuchBucket'])
const OURS_ALREADY = new Set(['BucketAlreadyOwnedByYou', 'BucketAlreadyExists'])
const PASSING_FAILURES = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ERR_STREAM_PREMATURE_CLOSE',
  'InternalError', 'SlowDown', 'SlowDownRead', 'SlowDownWrite', 'ServiceUnavailable', 'RequestTimeout', 'XMinioServerNotInitialized', 'OperationAborted',
])

/**
 * Objects in MinIO or any S3-compatible store. Passing failures are tried again; when they last, the call refuses
 * `unavailable`, so that callers can tell "not there" (`not_found`) from "cannot say".
 */
export function createMinioStore(options: MinioOptions): ObjectStore {
  const url = new URL(options.endpoint)
  const secure = url.protocol === 'https:'
  const client = new Client({
    endPoint: url.hostname,
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    useSSL: secure,
    region: options.region,
    accessKey: options.accessKey,
    secretKey: options.secretKey,
    transportAgent: secure ? new https.Agent({ keepAlive: true }) : new http.Agent({ keepAlive: true }),
    // Tries are counted here, in one place.
    retryOptions: { disableRetry: true },
  })
  const waits = options.retryWaitsMs ?? [100, 400, 1600]
  const timeoutMs = options.timeoutMs ?? 60_000
  const bucketOf = (kind: BucketKind): string => `${options.bucketPrefix}-${kind}`

  async function tried<T>(what: string, call: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await within(timeoutMs, call())
      } catch (error) {
        if (error instanceof DomainError || !isPassing(error)) throw error
        const wait = waits[attempt]
        if (wait === undefined) refuse('unavailable', `The object store at ${url.host} does not ${what} (${codeOf(error)}); see that it runs and can be reached.`)
        await sleep(wait)
      }
    }
  }

  // Their types name an overload without a result first.
  const lockOf = (bucket: string) => client.getObjectLockConfig(bucket) as unknown as Promise<ObjectLockInfo>
  const setLock = (bucket: string, lock: typeof LEDGER_RETENTION) => client.setObjectLockConfig(bucket, lock) as unknown as Promise<void>

  /** A retention that the operator chose stays. */
  async function retain(bucket: string): Promise<void> {
    try {
      if ((await lockOf(bucket)).mode === undefined) await setLock(bucket, LEDGER_RETENTION)
    } catch (error) {
      if (!NO_RETENTION.has(codeOf(error))) throw error
    }
  }

  /** A lifecycle that the operator set stays; then pieces sent for nothing are the operator's to remove. */
  async function letPass(bucket: string): Promise<void> {
    try {
      await client.getBucketLifecycle(bucket)
    } catch (error) {
      if (codeOf(error) === 'NoSuchLifecycleConfiguration') {
        await client.setBucketLifecycle(bucket, { Rule: [{ ID: 'twinward-uploads', Status: 'Enabled', Filter: { Prefix: PASSING }, Expiration: { Days: PASSING_DAYS } }] })
          .catch((failure: unknown) => { if (!NO_LIFECYCLE.has(codeOf(failure))) throw failure })
      } else if (!NO_LIFECYCLE.has(codeOf(error))) throw error
    }
  }

  return {
    async ensureBuckets() {
      for (const kind of KINDS) {
        await tried(`make bucket ${bucketOf(kind)}`, async () => {
          if (await client.bucketExists(bucketOf(kind))) return
          await client.makeBucket(bucketOf(kind), options.region, { ObjectLocking: LOCKED.has(kind) })
            .catch((error: unknown) => { if (!OURS_ALREADY.has(codeOf(error))) throw error })
        })
      }
      await tried(`set a retention for ${bucketOf('ledger')}`, () => retain(bucketOf('ledger')))
      await tried(`set a lifecycle for ${bucketOf('raw')}`, () => letPass(bucketOf('raw')))
    },
    async put(kind, key, bytes, contentType = 'application/octet-stream', sha256) {
      const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const digest = sha256 ?? sha256Of(body)
      await tried(`take ${bucketOf(kind)}/${key}`, async () => {
        if (secure) await client.putObject(bucketOf(kind), key, body, body.length, { 'Content-Type': contentType })
        else await putSigned(client, bucketOf(kind), key, body, contentType, digest)
      })
    },
    async get(kind, key, expectSha256) {
      const place = `${bucketOf(kind)}/${key}`
      const bytes = await tried(`give ${place}`, async () => {
        try {
          const blocks: Buffer[] = []
          for await (const block of await client.getObject(bucketOf(kind), key)) blocks.push(block as Buffer)
          return Buffer.concat(blocks)
        } catch (error) {
          if (MISSING.has(codeOf(error))) refuse('not_found', `There is no object ${place}.`, { bucket: kind, key })
          throw error
        }
      })
      const digest = expectSha256 === undefined ? undefined : sha256Of(bytes)
      if (digest !== expectSha256) {
        refuse('digest_mismatch', `Object ${place} has digest ${digest}, not ${expectSha256}: it was changed or damaged. Restore it from a backup.`, { bucket: kind, key, digest, expected: expectSha256 })
      }
      return bytes
    },
    async remove(kind, key) {
      await tried(`remove ${bucketOf(kind)}/${key}`, () => client.removeObject(bucketOf(kind), key))
    },
    async exists(kind, key) {
      return tried(`tell of ${bucketOf(kind)}/${key}`, async () => {
        try {
          await client.statObject(bucketOf(kind), key)
          return true
        } catch (error) {
          if (MISSING.has(codeOf(error))) return false
          throw error
        }
      })
    },
    async health() {
      if (!await tried('answer', () => client.bucketExists(bucketOf('raw')))) {
        refuse('unavailable', `The object store at ${url.host} has no bucket ${bucketOf('raw')}; start the platform once so that it makes its buckets.`)
      }
    },
  }
}

/**
 * One PUT over http whose digest is signed, so that the server checks what arrives. The client's own `putObject` does the
 * same, but takes SHA-256 and MD5 of every body first: a fifth of the landing's CPU, where the digest is known already.
 */
async function putSigned(client: Client, bucketName: string, objectName: string, body: Buffer, contentType: string, sha256: string): Promise<void> {
  const response = await client.makeRequestStreamAsync(
    { method: 'PUT', bucketName, objectName, headers: { 'Content-Type': contentType, 'Content-Length': String(body.length) } }, body, sha256, [200], '')
  // The connection is free for the next request when the answer was read.
  response.resume()
  await finished(response)
}

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : error instanceof Error ? error.name : 'unknown'
}

function isPassing(error: unknown): boolean {
  // A proxy or a starting server answers with something that is not XML.
  const status = (error as { statusCode?: unknown } | null)?.statusCode
  return PASSING_FAILURES.has(codeOf(error)) || (typeof status === 'number' && status >= 500)
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => { reject(Object.assign(new Error(`no answer within ${ms} ms`), { code: 'ETIMEDOUT' })) }, ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
