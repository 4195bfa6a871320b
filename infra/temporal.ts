import { readFile } from 'node:fs/promises'
import { Client, Connection, type TLSConfig } from '@temporalio/client'
import { NativeConnection, Worker, type ActivityInterceptorsFactory, type WorkerOptions } from '@temporalio/worker'
import { workflowBundle, type WorkflowBundle } from './build/workflows.ts'
import type { TemporalConnection } from './config.ts'
import { refusals } from './temporal-refusals.ts'

/** A client with its connection, for whoever starts, signals or asks workflows. Close it when done. */
export interface TemporalClient {
  readonly client: Client
  close(): Promise<void>
}

/**
 * Connects lazily, so that a process starts while Temporal is away; each call then fails by itself until it is back.
 */
export async function connectTemporal(temporal: TemporalConnection): Promise<TemporalClient> {
  const connection = Connection.lazy({ address: temporal.address, ...await security(temporal) })
  return {
    client: new Client({ connection, namespace: temporal.namespace }),
    close: () => connection.close(),
  }
}

/** A connection for Workers; rejects while Temporal cannot be reached. */
export async function connectWorkers(temporal: TemporalConnection): Promise<NativeConnection> {
  return NativeConnection.connect({ address: temporal.address, ...await security(temporal) })
}

/** One Worker of a process: which queue it serves and what it can do there. */
export interface WorkerSpec {
  readonly taskQueue: string
  /** Workflows run where this is true; elsewhere only activities. */
  readonly workflows: boolean
  readonly activities: object
  readonly maxConcurrentActivities?: number
  /** Longest wait for running activities at shutdown, in ms. */
  readonly graceMs?: number
  readonly interceptors?: readonly ActivityInterceptorsFactory[]
}

export interface WorkersOptions {
  readonly connection: NativeConnection
  readonly namespace: string
  readonly specs: readonly WorkerSpec[]
  /** Given in tests that made one already; else it comes from disk or is made. */
  readonly bundle?: WorkflowBundle
}

export interface Workers {
  /** Resolves when all have shut down; rejects as soon as one fails, after the others were told to stop. */
  run(): Promise<void>
  /** Lets running activities finish, up to their grace. */
  shutdown(): void
}

/**
 * Workers of one process on one connection. Every activity's DomainErrors become Temporal failures with the same code
 * (see temporal-refusals), so that retry rules can name codes.
 */
export async function createWorkers({ connection, namespace, specs, bundle }: WorkersOptions): Promise<Workers> {
  const code = specs.some((spec) => spec.workflows) ? bundle ?? await workflowBundle() : undefined
  const workers: Worker[] = []
  for (const spec of specs) {
    const options: WorkerOptions = {
      connection,
      namespace,
      taskQueue: spec.taskQueue,
      activities: spec.activities,
      shutdownGraceTime: spec.graceMs ?? 2000,
      // Grace is for activities to end well; past it the process must still go, or the supervisor kills it.
      shutdownForceTime: (spec.graceMs ?? 2000) + 500,
      interceptors: { activity: [refusals, ...spec.interceptors ?? []] },
      ...(spec.workflows && code && { workflowBundle: { code: code.code }, maxCachedWorkflows: 500 }),
      ...(spec.maxConcurrentActivities !== undefined && { maxConcurrentActivityTaskExecutions: spec.maxConcurrentActivities }),
    }
    workers.push(await Worker.create(options))
  }
  const shutdown = () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown()
  }
  return {
    async run() {
      const results = await Promise.allSettled(workers.map(async (worker) => worker.run().finally(shutdown)))
      const failed = results.find((result) => result.status === 'rejected')
      if (failed) throw failed.reason
    },
    shutdown,
  }
}

async function security({ tls, apiKey }: TemporalConnection): Promise<{ tls?: TLSConfig | true; apiKey?: string }> {
  return {
    ...(tls && { tls: await tlsConfig(tls) }),
    ...(apiKey !== undefined && { apiKey }),
  }
}

async function tlsConfig(tls: NonNullable<TemporalConnection['tls']>): Promise<TLSConfig | true> {
  if (!tls.caFile && !tls.certFile) return true
  return {
    ...(tls.caFile && { serverRootCACertificate: await readFile(tls.caFile) }),
    ...(tls.certFile && tls.keyFile && { clientCertPair: { crt: await readFile(tls.certFile), key: await readFile(tls.keyFile) } }),
  }
}
