import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { packUpdate, type PackedUpdate } from '../../infra/build/edge-update.ts'
import type { BundleSigner } from '../../registry/domain/bundle/seal.ts'
import { PROGRAM_FILE, type UpdateDraft, type UpdateManifest } from '../../registry/domain/update/manifest.ts'
import { sealUpdate } from '../../registry/domain/update/open.ts'

/** What the platform makes of a packed update: its signed manifest, and the files behind it. */
export function signUpdate(signer: BundleSigner, { draft, payload }: PackedUpdate, issue = 1, change: (manifest: UpdateManifest) => UpdateManifest = (same) => same): Uint8Array {
  return Buffer.concat([sealUpdate(signer, change({ ...draft, issue: { number: issue, atUs: 1_772_366_400_000_000, by: 'mia' } })), payload])
}

/** A gateway's program of one small file, packed as a whole one is. */
export function packProgram(directory: string, version: string, source: string, change: Partial<UpdateDraft> = {}): PackedUpdate {
  mkdirSync(path.join(directory, 'chunks'), { recursive: true })
  writeFileSync(path.join(directory, PROGRAM_FILE), source)
  writeFileSync(path.join(directory, 'chunks', 'text.txt'), `of ${version}\n`)
  const { draft, payload } = packUpdate(directory, version)
  return { draft: { ...draft, ...change }, payload }
}
