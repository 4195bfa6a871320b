import type { AlarmRule } from '../alarms/rule.ts'
import type { ConnectorKind, ConnectorTag, SecretReference } from '../connectors/kind.ts'
import type { OutageOrder } from '../cutter.ts'
import type { FullPolicy } from '../room-keeper.ts'
import type { TagMap } from '../tag-map.ts'
import type { AlarmOutputOfSite } from './alarm-schema.ts'

/** A checked site file: all that a gateway needs to run. Made by `parseSiteFile`, carried out by `runSite`. */
export interface SitePlan {
  readonly site: string
  readonly gateway: string
  readonly platform: {
    /** null: there is none. */
    readonly url: string | null
    readonly username: string | null
    readonly password: SecretReference | null
    /** By certificate, over TLS; url, user and password are then of no use. */
    readonly identity?: { readonly passphrase: SecretReference | null }
  }
  readonly buffer: {
    readonly directory: string
    readonly capBytes: number
    /** Waiting readings older than this are dropped, and counted; null: never. */
    readonly maxAgeMs: number | null
    readonly whenFull: FullPolicy
    /** The raw store; null: nothing is kept. */
    readonly keepRaw: { readonly ageMs: number; readonly bytes: number } | null
  }
  readonly outage: OutageOrder
  /** Most bytes a second to the platform; null: no limit. */
  readonly bandwidth: number | null
  readonly health: { readonly host: string; readonly port: number } | null
  /** Where the log goes; null: to stdout. */
  readonly log: { readonly file: string; readonly maxBytes: number; readonly keep: number } | null
  readonly alarms: {
    readonly rules: readonly AlarmRule[]
    readonly to: readonly AlarmOutputOfSite[]
    readonly keepMs: number
  }
  /** How long the box keeps what it judged. */
  readonly judge: { readonly keepMs: number }
  readonly sources: readonly SourcePlan[]
}

export interface SourcePlan {
  readonly id: string
  readonly kind: ConnectorKind
  readonly config: unknown
  readonly map: TagMap
  readonly tags: readonly ConnectorTag[]
  /** Addresses that alarms may write to. */
  readonly writable: readonly string[]
  /** Of everything above: a reload restarts the sources whose digest changed. */
  readonly digest: string
}
