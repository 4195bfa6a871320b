import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { refuse } from '../../../registry/domain/errors.ts'

const unpack = promisify(gunzip)

/** All of a stream, up to a limit: beyond it nothing is kept. Refuses (`too_large`). */
export async function collect(stream: AsyncIterable<Uint8Array>, most: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of stream) {
    size += part.byteLength
    if (size > most) return refuse('too_large', `the body is over ${most} bytes, the most that is taken here; send less at once, or raise limits.body in the site file`)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

/** Undoes gzip, never beyond a limit, whatever is hidden in it. Refuses (`too_large`, `invalid`). */
export async function inflate(body: Uint8Array, most: number): Promise<Uint8Array> {
  try {
    return await unpack(body, { maxOutputLength: most })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : ''
    if (code === 'ERR_BUFFER_TOO_LARGE') return refuse('too_large', `the body is over ${most} bytes once unpacked, the most that is taken here; send less at once, or raise limits.unpacked in the site file`)
    return refuse('invalid', 'the body is not gzip, though its Content-Encoding says so; send it packed whole, or without that header')
  }
}
