import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { SetupError } from './run.mjs'

const connectMs = 6_000
const stallMs = 30_000

/**
 * Downloads `url` to `file` and checks its digest. Gives up after 6 s without an answer, so that a machine whose network
 * blocks the address goes on to the next source quickly, and after 30 s without a byte.
 */
export async function download(url, file, sha256, task) {
  const abort = new AbortController()
  let timer = setTimeout(() => abort.abort(), connectMs)
  try {
    const response = await fetch(url, { signal: abort.signal, redirect: 'follow' })
    if (!response.ok || !response.body) throw new SetupError(`${url} answered ${response.status}`)
    const total = Number(response.headers.get('content-length')) || undefined
    let received = 0
    const meter = new Transform({
      transform(chunk, _encoding, done) {
        clearTimeout(timer)
        timer = setTimeout(() => abort.abort(), stallMs)
        received += chunk.length
        task.update(`downloading, ${megabytes(received)}`, total && received / total)
        done(null, chunk)
      },
    })
    await pipeline(Readable.fromWeb(response.body), meter, createWriteStream(file), { signal: abort.signal })
  } catch (error) {
    if (error instanceof SetupError) throw error
    const why = abort.signal.aborted ? 'no answer in time' : (error.cause?.code ?? error.cause?.message ?? error.message)
    throw new SetupError(`${new URL(url).host} cannot be reached (${why})`)
  } finally {
    clearTimeout(timer)
  }
  await checkDigest(file, sha256)
}

/** @throws SetupError when the file's SHA-256 is not the one that is pinned */
export async function checkDigest(file, sha256) {
  const actual = await sha256Of(file)
  if (actual !== sha256) {
    throw new SetupError(`${file} has the digest ${actual}, not the pinned ${sha256}: it is damaged or not the real one`)
  }
}

export async function sha256Of(file) {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

export function megabytes(bytes) {
  return `${Math.round(bytes / 1e6)} MB`
}
