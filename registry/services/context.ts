import type { ObjectStore } from '../artifacts/object-store.ts'
import type { Pool } from '../store/pool.ts'

/** What every verb needs of the world. Verbs are `verb(ctx, actor, input)`: check the right, one transaction, one audit row. */
export interface ServiceContext {
  readonly pool: Pool
  readonly objects: ObjectStore
  /** Wall clock in UTC microseconds; passed in so that tests can set it. */
  readonly nowUs: () => number
}
