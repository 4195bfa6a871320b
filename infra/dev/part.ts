import type { ChildSpec } from '../child-process.ts'

export type PartName = 'postgres' | 'temporal' | 'minio' | 'mqtt'

export interface Health {
  ok: boolean
  /** The server's version when it answers, else what went wrong, in a few words. */
  detail: string
}

/** One server that the platform stands on, whoever runs it. */
export interface Part {
  name: PartName
  kind: 'embedded' | 'external'
  /** Without secrets. */
  address: string
  version: string
  /** Where people look at it, when there is such a place. */
  uiUrl?: string
  health(): Promise<Health>
}

/** An embedded server before it is started. */
export interface EmbeddedServer<Connection> {
  spec: ChildSpec
  version: string
  address: string
  uiUrl?: string
  connection: Connection
  /** Once it answers, before anyone uses it: roles, databases. May run again on every start. */
  afterStart?(): Promise<void>
  /** Deletes its data; it must not run. */
  wipe(): void
}

/** Where a part keeps its things inside the data folder. */
export interface PartPlaces {
  dataDir: string
  logFile: string
  pidFile: string
}
