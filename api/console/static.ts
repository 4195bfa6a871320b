import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import type { MiddlewareHandler } from 'hono'
import type { ApiEnv } from '../env.ts'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml', '.png': 'image/png', '.ico': 'image/x-icon', '.json': 'application/json',
  '.map': 'application/json', '.woff2': 'font/woff2', '.webmanifest': 'application/manifest+json', '.txt': 'text/plain; charset=utf-8',
}
/** esbuild's `name-HASH.ext`: the content never changes under such a name. */
const HASHED = /-[A-Z0-9]{8}\.\w+$/

/**
 * Serves the built console. Only files that were there at start are served, by exact name, so no path can lead out of
 * the folder. A page's address gets the index: the
 * console finds its page itself.
 */
export async function consoleFiles(folder: string): Promise<MiddlewareHandler<ApiEnv> | undefined> {
  const files = await listFiles(folder)
  if (!files.has('/index.html')) return undefined
  return async (c, next) => {
    if (c.req.method !== 'GET' && c.req.method !== 'HEAD') return next()
    const name = files.has(c.req.path) ? c.req.path : isPage(c.req.path) ? '/index.html' : undefined
    if (name === undefined) return next()
    const file = path.join(folder, name)
    const { size, mtime } = await stat(file)
    c.set('route', 'console')
    const headers = {
      'content-type': types[path.extname(name)] ?? 'application/octet-stream',
      'cache-control': HASHED.test(name) ? 'public, max-age=31536000, immutable' : 'no-cache',
      etag: `"${size.toString(36)}-${mtime.getTime().toString(36)}"`,
    }
    if (c.req.header('if-none-match') === headers.etag) return c.body(null, 304, headers)
    if (c.req.method === 'HEAD') return c.body(null, 200, headers)
    return c.body(Readable.toWeb(createReadStream(file)) as ReadableStream, 200, { ...headers, 'content-length': String(size) })
  }
}

/** Ids of assets may hold a dot, so an extension alone does not make an address a file's. */
const isPage = (address: string): boolean =>
  !/^\/(v1|healthz|readyz|metrics|openapi\.json|assets)(\/|$)/.test(address) && !/^\/[^/]+\.\w+$/.test(address)

async function listFiles(folder: string): Promise<Set<string>> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    return new Set(entries.filter((entry) => entry.isFile())
      .map((entry) => `/${path.relative(folder, path.join(entry.parentPath, entry.name)).split(path.sep).join('/')}`))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Set()
    throw error
  }
}
