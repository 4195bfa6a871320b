import { Client, Connection } from '@temporalio/client'
import pg from 'pg'
import { pino } from 'pino'
import type { z } from 'zod'
import { createPcaModel, fitPcaModel, pcaToArtifact } from '../../registry/domain/models/pca-model.ts'
import type { Connections } from '../../infra/config.ts'
import { createGateUpdates } from '../../infra/gate-updates.ts'
import { startKeeper, type Keeper, type KeeperOptions } from '../../infra/keeper.ts'
import { startWorker, type WorkerProcess } from '../../infra/worker.ts'
import { modelArtifactKey } from '../../registry/artifacts/model-object.ts'
import { encodeModelArtifact, modelArtifactDigest } from '../../registry/domain/models/artifact.ts'
import type { Actor, Role } from '../../registry/domain/access/rights.ts'
import { canonicalDigest } from '../../registry/domain/canonical.ts'
import { familyGovernanceSchema, type approvalRulesSchema, type GateKind } from '../../registry/domain/governance/family.ts'
import { policySchema, type PolicyInput } from '../../registry/domain/policy/policy.ts'
import { fitCalibration } from '../../registry/domain/scoring/calibration.ts'
import { createActor } from '../../registry/services/create-actor.ts'
import { createRelease } from '../../registry/services/create-release.ts'
import { proposePolicy } from '../../registry/services/propose-policy.ts'
import { registerModelVersion } from '../../registry/services/register-model-version.ts'
import { inSite } from '../../registry/store/transaction.ts'
import { workflowIds } from '../../workflows/ids.ts'
import { freshNamespace, freshPrefix, type TestStack } from './stack.ts'
import { admin, createTrainingSite, normalRows, WIDTH, type TrainingSite } from './training.ts'

export interface GovernanceSite extends TrainingSite {
  readonly connections: Connections
  readonly client: Client
  readonly people: Record<'mia' | 'rita' | 'ron' | 'otto' | 'vera', Actor>
  /** Another model version (made by mia), bound with a policy of its own unless told otherwise; gives the release's id. */
  release(options?: { model?: number; policy?: number }): Promise<{ release: string; model: number; policy: number }>
  /** Sets the family's rules past every gate, as no verb can; what is not given is the default. */
  govern(rules: Partial<Record<GateKind, z.input<typeof approvalRulesSchema>>>, owner?: string | null): Promise<void>
  startWorker(): Promise<WorkerProcess>
  startKeeper(options?: Partial<KeeperOptions>): Promise<Keeper>
  gate(gateId: string): Promise<{ state: string; evidence_digest: string | null; closed_because: string | null }>
  /** Waits until the gate has its evidence. */
  whenOpen(gateId: string): Promise<string>
  decide(gateId: string, actor: string, verdict: 'approve' | 'reject', evidenceDigest: string): Promise<{ state: string; approvals: number; assignment: string | null }>
  champion(): Promise<string | null>
  /** Past row-level security and privileges. */
  asOwner<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>
  end(): Promise<void>
}

const PEOPLE: Record<keyof GovernanceSite['people'], Role[]> = {
  mia: ['ml-engineer'], rita: ['reliability-engineer'], ron: ['reliability-engineer'], otto: ['operator'], vera: ['viewer'],
}

/** Polls until `look` gives something; for what happens in other processes. */
export async function until<T>(what: string, look: () => Promise<T | null | undefined | false>, timeoutMs = 30_000): Promise<T> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const found = await look()
    if (found) return found
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs / 1000} s in vain: ${what}`)
    await new Promise((resolve) => { setTimeout(resolve, 50) })
  }
}

/** A site with people, models and a Temporal namespace of its own; workers and keepers are started by the test. */
export async function createGovernanceSite(stack: TestStack): Promise<GovernanceSite> {
  const base = await createTrainingSite(stack)
  const { site, family, ctx, pool, objects, database } = base
  const namespace = await freshNamespace(stack)
  const connections: Connections = {
    ...stack.connections,
    database: { url: database.url, migrationUrl: database.migrationUrl },
    temporal: { ...stack.connections.temporal, namespace },
    s3: { ...stack.connections.s3, bucketPrefix: base.bucketPrefix },
  }
  const connection = await Connection.connect({ address: connections.temporal.address })
  const client = new Client({ connection, namespace })
  const updates = createGateUpdates(client)
  const people = {} as Record<keyof GovernanceSite['people'], Actor>
  for (const [id, roles] of Object.entries(PEOPLE) as [keyof GovernanceSite['people'], Role[]][]) {
    await createActor(ctx, admin, { site, id, name: id, kind: 'person', roles })
    people[id] = { id, roles, sites: [site] }
  }
  await base.addWindows('pump-1', normalRows(120))
  await base.addWindows('pump-2', normalRows(120, 9))
  let models = 0
  let policies = 0
  const log = pino({ level: process.env['TEST_LOG'] ?? 'silent' })

  const asOwner = async <Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> => {
    const owner = new pg.Client({ connectionString: database.adminUrl })
    await owner.connect()
    try {
      return (await owner.query<Row>(sql, values)).rows
    } finally {
      await owner.end()
    }
  }
  const registerModel = async (): Promise<number> => {
    const rows = normalRows(400, 20 + models)
    const fitted = fitPcaModel(Array.from({ length: WIDTH }, (_, j) => `f${j}`), rows)
    const bytes = encodeModelArtifact(pcaToArtifact(fitted))
    const digest = modelArtifactDigest(bytes)
    await objects.put('models', modelArtifactKey(family, digest), bytes)
    const dataset = await inSite(pool, site, async (tx) => (await tx.query<{ dataset_id: string }>(
      `insert into dataset (site_id, family_id, feature_set_ref, digest, manifest_key, manifest, commit_number, row_count, created_by)
       values ($1, $2, (select max(feature_set_ref) from feature_set), $3, 'm', '{}', 1, 400, 'test') returning dataset_id`,
      [site, family, canonicalDigest(`dataset ${++models}`)])).rows[0]!.dataset_id)
    const { version } = await registerModelVersion(ctx, people.mia, {
      site, family, name: 'pumps', kind: 'pca', artifactKey: modelArtifactKey(family, digest), digest, dataset, metrics: { heldOut: 0.01 * models },
      calibration: fitCalibration(createPcaModel(fitted).scoreRows(rows, 400).scores), card: '# Pumps', runtime: {}, reason: 'test', runId: `run-${models}`,
    })
    return version
  }
  const registerPolicy = async (): Promise<number> => (await proposePolicy(ctx, people.mia, { site, family, definition: policySchema.parse(policyOf(++policies)) })).version

  const gate: GovernanceSite['gate'] = async (gateId) => {
    const [row] = await asOwner<{ state: string; evidence_digest: string | null; closed_because: string | null }>(
      'select state, evidence_digest, closed_because from gate where gate_id = $1', [gateId])
    return row!
  }
  return {
    ...base, connections, client, people, asOwner,
    async release({ model, policy } = {}) {
      const bound = { model: model ?? await registerModel(), policy: policy ?? await registerPolicy() }
      const { releaseId } = await createRelease(ctx, people.mia, { site, model: { name: 'pumps', version: bound.model }, policyVersion: bound.policy })
      return { release: releaseId, ...bound }
    },
    async govern(rules, owner = null) {
      const governance = familyGovernanceSchema.parse({ ...rules, alerts: { autoCloseAfterSeconds: 60 } })
      await asOwner('update family set governance = $2, owner_id = $3 where family_id = $1', [family, JSON.stringify(governance), owner])
    },
    startWorker: () => startWorker({ connections, log }),
    startKeeper: (options = {}) => startKeeper({ connections, log, reconcileEveryMs: 500, ...options }),
    gate,
    whenOpen: (gateId) => until(`gate ${gateId} opens`, async () => (await gate(gateId)).evidence_digest),
    decide: (gateId, actor, verdict, evidenceDigest) => updates.decide(workflowIds.gate(gateId), { actor, verdict, evidenceDigest, comment: 'test' }),
    async champion() {
      const rows = await asOwner<{ release_id: string }>(
        "select r.release_id from assignment a join release r using (release_ref) where a.role = 'champion' and upper_inf(a.valid)")
      return rows[0]?.release_id ?? null
    },
    async end() {
      await connection.close()
      await base.drop()
    },
  }
}

const policyOf = (version: number): PolicyInput => ({
  name: 'pumps-policy', version,
  rules: [{ id: 'anomaly', signal: 'confidence', comparison: 'above', raiseAt: 0.99 + version / 100_000, clearAt: 0.9, severity: 'high', recommendedAction: 'Inspect the pump.' }],
  routing: { channels: { low: [], medium: [], high: ['#pumps'], urgent: [] }, acknowledgeWithinSeconds: 1, escalation: [{ afterSeconds: 1, to: 'shift-lead' }, { afterSeconds: 2, to: 'owner' }] },
})

export const newKey = (): string => freshPrefix()
