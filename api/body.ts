import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { ApiEnv } from './env.ts'
import { ApiError } from './errors.ts'

export const MAX_BODY_BYTES = 1024 * 1024

/** Readings come in over MQTT; what comes in here is small. Bodies without a length are counted as they arrive. */
export const limitBody: MiddlewareHandler<ApiEnv> = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: () => {
    throw new ApiError('too_large', `The body is over ${MAX_BODY_BYTES} bytes, which is the most this API takes. Split it; readings go in by a gateway or "twinward import".`, {
      // The rest of the body is not read, so this connection can carry no further request.
      headers: { connection: 'close' },
    })
  },
})

/**
 * No text that the database could not keep (U+0000) gets past here, in path, query or body: refused rather than
 * stripped, since a name that silently changes is worse.
 */
export const refuseNul: MiddlewareHandler<ApiEnv> = async (c, next) => {
  const inUrl = /%00/.test(c.req.url)
  const inBody = c.req.method !== 'GET' && c.req.method !== 'HEAD' && hasNul(await c.req.text())
  if (inUrl || inBody) throw new ApiError('invalid', `The ${inUrl ? 'address' : 'body'} contains the character U+0000, which no text here can hold. Remove it.`)
  await next()
}

/** Raw, or escaped by an odd number of backslashes, as JSON writes it. */
const hasNul = (text: string) => text.includes('\u0000') || /(?<!\\)(?:\\\\)*\\u0000/.test(text)
