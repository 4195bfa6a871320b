import { z } from 'zod'
import { microsSchema, sha256Schema } from '../contract/primitives.ts'
import { VERSION_PATTERN } from './version.ts'

/** What starts a gateway's program, in every update. */
export const PROGRAM_FILE = 'twinward-edge.mjs'

const versionSchema = z.string().max(100).regex(VERSION_PATTERN, 'must be a version such as 0.3.1')
const nodeVersionSchema = z.string().regex(/^\d+\.\d+\.\d+$/)

/** Within its folder and nowhere else: no part may be `.` or `..`. */
const filePathSchema = z.string().max(300).regex(/^(?!.*(?:^|\/)\.{1,2}(?:\/|$))[A-Za-z0-9@._+-]+(?:\/[A-Za-z0-9@._+-]+)*$/, 'must be a path within the update')

/**
 * The format of a buffer's file, as a program has it: the one it works in, and the earliest one whose programs can go on
 * with what it leaves behind. Going back to an earlier program is safe when that one's format is not below `readableBy`.
 */
export const bufferFormatSchema = z.object({ format: z.int().min(1), readableBy: z.int().min(1) }).refine(({ format, readableBy }) => readableBy <= format, 'readableBy cannot be above format')
export type BufferFormat = z.infer<typeof bufferFormatSchema>

/** What a program says of itself, wherever it lies. */
const programShape = {
  version: versionSchema,
  /** As Node has them: `process.platform`, `process.arch`. */
  platform: z.string().min(1).max(30),
  arch: z.string().min(1).max(30),
  /** Versions of Node that run it: from this one, below that one. */
  node: z.object({ from: nodeVersionSchema, below: nodeVersionSchema.nullable() }),
  buffer: bufferFormatSchema,
}

/** An update before anybody answers for it. */
export const updateDraftSchema = z.object({
  ...programShape,
  /** All files one after another in this order, compressed (gzip). */
  payload: z.object({ digest: sha256Schema, bytes: z.int().min(1) }),
  files: z.array(z.object({ path: filePathSchema, bytes: z.int().min(0), digest: sha256Schema })).min(1).max(5_000)
    .refine((files) => new Set(files.map(({ path }) => path)).size === files.length, 'names a file twice')
    .refine((files) => files.some(({ path }) => path === PROGRAM_FILE), `has no ${PROGRAM_FILE}`),
})
export type UpdateDraft = z.infer<typeof updateDraftSchema>

/** What an update says of itself. Fields are added and never change their meaning; a reader passes over those it does not know. */
export const updateManifestSchema = updateDraftSchema.extend({
  /** The number is that of the platform's audit entry: of two of one version the later counts. */
  issue: z.object({ number: z.int().min(1), atUs: microsSchema, by: z.string().min(1).max(200) }),
})
export type UpdateManifest = z.infer<typeof updateManifestSchema>

/** What the files of an update have together. */
export const unpackedBytes = ({ files }: Pick<UpdateDraft, 'files'>): number => files.reduce((sum, { bytes }) => sum + bytes, 0)

/** The folder of an update among the versions of a gateway. */
export const programName = ({ version }: Pick<UpdateDraft, 'version'>, digest: string): string => `${version}-${digest.slice(0, 8)}`
