import type { ChunkCache } from '../../registry/store/chunks.ts'
import type { Pool } from '../../registry/store/pool.ts'
import type { ModelCache } from '../models/load-model.ts'
import type { Definitions } from './definitions.ts'

/** The part of a logger that closing needs; pino's fits. */
export interface WindowLog {
  info(facts: object, message: string): void
  error(facts: object, message: string): void
}

export interface WindowDeps {
  readonly pool: Pool
  /** Shared with the ingest activities of the same process: what was just stored need not be fetched. */
  readonly chunks: ChunkCache
  readonly models: ModelCache
  readonly definitions: Definitions
  /** Digest of this process's numeric runtime, kept with every score. */
  readonly runtimeDigest: () => string
  /** Wall clock in UTC microseconds. */
  readonly nowUs: () => number
  readonly log: WindowLog
}
