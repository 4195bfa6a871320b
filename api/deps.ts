import type { MiddlewareHandler } from 'hono'
import type { Logger } from 'pino'
import type { BundleSigner } from '../registry/domain/bundle/seal.ts'
import type { ServiceContext } from '../registry/services/context.ts'
import type { EnrolDeps } from '../registry/services/gateways/enrol-gateway.ts'
import type { AuthorityKeeper } from '../registry/services/gateways/rotate-authority.ts'
import type { ReplayDeps } from '../registry/services/replay/replay-score.ts'
import type { GateDecisionInput, GateDecisionResult } from '../workflows/messages.ts'
import type { Authenticator } from './auth.ts'
import type { ApiEnv } from './env.ts'

/**
 * Deciding a gate goes through its workflow's Update, so that the answer is the outcome. A port, because connections
 * are not made here. Refuses `unavailable` while Temporal is away, else as the decision does.
 */
export interface GateUpdates {
  decide(workflowId: string, decision: GateDecisionInput): Promise<GateDecisionResult>
}

/** One part of the platform, as `twinward status` shows it. */
export interface Part {
  readonly name: string
  readonly kind: string
  readonly state: string
  readonly address?: string | undefined
  readonly version?: string | undefined
  readonly uiUrl?: string | undefined
  readonly restarts: number
  readonly since?: string | undefined
  readonly detail?: string | undefined
}

export interface PlatformParts {
  /** What supervision knows of every part, else what this process can reach. */
  list(): Promise<readonly Part[]>
}

/** Everything the API needs of the world. */
export interface ApiDeps {
  readonly ctx: ServiceContext
  readonly log: Logger
  readonly version: string
  readonly authenticator: Authenticator
  /** Signs sessions; the same for all API processes of an installation. */
  readonly sessionSecret: Uint8Array
  readonly gates: GateUpdates
  /**
   * Computes scores again; a port, because models need libraries that neither the API nor the registry knows. Asked for
   * at the first replay: loading those takes seconds and memory.
   */
  readonly scorer: () => Promise<ReplayDeps['scorer']>
  /** Signs the bundles by which gateways judge. */
  readonly bundleSigner: BundleSigner & { readonly publicKey: string }
  /** Where gateways come in, and the authority of their certificates. */
  readonly gatewayDoor: AuthorityKeeper & EnrolDeps['door']
  readonly parts: PlatformParts
  /** Serve /metrics to anybody who reaches the port. */
  readonly metricsOpen: boolean
  /** Serves the console's files; absent where it was not built. */
  readonly console?: MiddlewareHandler<ApiEnv>
  /** Hold every answer against its documented schema: for tests. */
  readonly checkAnswers?: boolean
}
