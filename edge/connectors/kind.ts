import type { Logger } from 'pino'
import { z } from 'zod'
import type { Problem } from '../schema-problems.ts'
import type { Source } from '../source.ts'
import type { TagMap } from '../tag-map.ts'

/**
 * One protocol a gateway speaks. The site file names it by `type`; what else stands in the source's entry, beside its
 * id and tags, is the kind's own `config`.
 */
export interface ConnectorKind<Config = unknown> {
  readonly type: string
  readonly config: z.ZodType<Config>
  /** Refuses (`invalid`, with the cure) an address that this protocol cannot have. */
  checkAddress(address: string, kind: 'scalar' | 'waveform', config: Config): void
  /** Refuses (`invalid`, with the cure) an address or a value that cannot be written. Kinds without it write nothing. */
  checkWrite?(address: string, value: number, config: Config): void
  /** What no schema sees in the config, beside the tags that the source has; paths begin at the config. */
  checkConfig?(config: Config, tags: readonly { readonly asset: string }[]): readonly Problem[]
  /** What the machine that runs the gateway lacks for it (a folder): no mistake of the file. Paths begin at the config. */
  missingHere?(config: Config): Promise<readonly Problem[]>
  /**
   * A live source. Its `run` throws when it has lost its machine: the gateway marks the source's tags bad
   * (`communication`), and runs it again after a jittered, growing pause. It never reconnects by itself.
   */
  create(config: Config, context: ConnectorContext): Source
}

export interface ConnectorContext {
  readonly id: string
  readonly map: TagMap
  readonly tags: readonly ConnectorTag[]
  /** A folder of the connector's own, made when needed: certificates, trust lists. */
  readonly directory: string
  readonly secret: SecretReader
  readonly log: Logger
  /** UTC microseconds by the gateway's clock: the source time of what has none of its own. */
  readonly nowUs: () => number
}

/** What a connector may do about one mapped address. */
export interface ConnectorTag {
  readonly address: string
  readonly tag: string
  readonly kind: 'scalar' | 'waveform'
  /** How often the site file asks for it; null: the connector's default. */
  readonly everyMs: number | null
  /** In the device's own numbers (before scale and unit): changes smaller than this need not be sent; null: all. */
  readonly deadband: number | null
}

/** Secrets stay out of the site file: it says where they are. */
export const secretReferenceSchema = z.union([
  z.strictObject({ file: z.string().min(1).describe('Its first line is the secret; readable by the gateway alone') }),
  z.strictObject({ env: z.string().regex(/^[A-Z_][A-Z0-9_]*$/) }),
], { error: 'write { env: NAME } or { file: PATH }; the secret itself stays out of this file' })
export type SecretReference = z.infer<typeof secretReferenceSchema>

/** The text of a secret: its first line, or (a key in PEM) all of it. Refuses (`not_found`) with the name, never the content. */
export type SecretReader = (reference: SecretReference, part?: 'line' | 'all') => string

const spanError = 'write a number and ms, s, min, h or d, e.g. 500ms, 10s, 2 h'
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 }

/** A time span as people write it (`250 ms`, `5s`, `2 h`), in milliseconds. */
export const durationSchema = z.string({ error: spanError })
  .regex(/^\d+(\.\d+)?\s*(ms|s|min|h|d)$/, { error: spanError })
  .transform((text) => {
    const [, value = '0', unit = 's'] = /^([\d.]+)\s*([a-z]+)$/.exec(text) ?? []
    return Number(value) * (UNITS[unit] ?? 1_000)
  })
