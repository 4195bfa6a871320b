import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { BUFFER_FORMAT } from '../../edge/buffer/format.ts'
import { updateDraftSchema, type UpdateDraft } from '../../registry/domain/update/manifest.ts'
import { readJson } from '../private-file.ts'
import { root } from '../setup/paths.mjs'
import { LAUNCHER_FILE } from './edge-bundle.ts'

export interface PackedUpdate {
  readonly draft: UpdateDraft
  readonly payload: Uint8Array
}

/** Of an installation alone. */
const NOT_UPDATED = new Set([LAUNCHER_FILE, 'twinward-edge.service'])

/** A gateway that `bundleEdge` put into a folder, as an update that nobody has signed yet: for machines of this platform. */
export function packUpdate(directory: string, version: string): PackedUpdate {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
    .filter((file) => !NOT_UPDATED.has(file))
    .sort()
    .map((file) => ({ path: file, content: readFileSync(path.join(directory, file)) }))
  const payload = gzipSync(Buffer.concat(files.map(({ content }) => content)))
  return {
    payload,
    draft: updateDraftSchema.parse({
      version, platform: process.platform, arch: process.arch, node: { from: leastNode(), below: null }, buffer: BUFFER_FORMAT,
      payload: { digest: sha256(payload), bytes: payload.length },
      files: files.map(({ path: file, content }) => ({ path: file, bytes: content.length, digest: sha256(content) })),
    }),
  }
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** As package.json asks for it. */
function leastNode(): string {
  const { engines } = readJson(path.join(root, 'package.json')) as { engines: { node: string } }
  return engines.node.replace(/^>=/, '')
}
