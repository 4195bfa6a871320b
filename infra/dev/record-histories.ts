/**
 * Records a history of each workflow for the replay tests: `node --import tsx infra/dev/record-histories.ts`. Runs the
 * real workflows on a real Temporal against activities that answer at once. Recorded histories are what running gates
 * and alerts look like: when a replay of one fails, the change needs `patched()`, not a new recording.
 */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import path from 'node:path'
import { Context } from '@temporalio/activity'
import { Client, Connection, type WorkflowHandle } from '@temporalio/client'
import { DomainError } from '../../registry/domain/errors.ts'
import { taskQueues } from '../../workflows/ids.ts'
import { messageNames, workflowTypes, type GateDecisionInput } from '../../workflows/messages.ts'
import { loadConfig } from '../config.ts'
import { root } from '../setup/paths.mjs'
import { connectWorkers, createWorkers } from '../temporal.ts'
import { startStack } from './stack.ts'

const DIGEST = 'ab'.repeat(32)
const SECOND_US = 1_000_000
const STAGES = ['shadow', 'canary', 'champion'] as const
const nowUs = () => Date.now() * 1000

/** Stand-ins: they answer what the real ones would, from a little state per id. */
function createFakes() {
  const gates = new Map<string, { state: string; approvals: number; expiresAtUs: number; review?: string; looks?: number }>()
  const tended = new Map<string, number>()
  const rescores = new Map<string, { looks: number; paused: boolean }>()
  const stoppedRollouts = new Set<string>()
  const stoppedUpdates = new Set<string>()
  const gateOf = (gateId: string) => {
    const known = gates.get(gateId) ?? { state: 'collecting', approvals: 0, expiresAtUs: nowUs() + (gateId.includes('expires') ? 2 : 3600) * SECOND_US }
    gates.set(gateId, known)
    return known
  }
  return {
    gates, rescores, stoppedRollouts, stoppedUpdates,
    activities: {
      async collectEvidence({ gateId }: { gateId: string }) {
        if (gateId.includes('void')) throw new DomainError('digest_mismatch', 'the model is corrupt')
        gateOf(gateId).state = 'open'
        return { state: 'open', evidenceDigest: DIGEST }
      },
      async voidGate({ gateId }: { gateId: string }) { gateOf(gateId).state = 'voided' },
      async checkGate({ gateId }: { gateId: string }) {
        const gate = gateOf(gateId)
        if (gate.state === 'open' && nowUs() >= gate.expiresAtUs) gate.state = 'expired'
        gate.looks = (gate.looks ?? 0) + 1
        const told = { state: gate.state, assignment: gate.state === 'approved' ? 'assignment-1' : null, expiresAtUs: gate.expiresAtUs }
        // As they were before anything was escalated or reviewed: running gates of then remember no more than this.
        if (!gateId.includes('escalated') && !gateId.includes('emergency')) return told
        const waits = gate.state === 'open' || gate.review === 'due'
        return { ...told, remindAtUs: null, review: gate.review ?? null, wakeAtUs: !waits ? null : gate.looks < 4 ? nowUs() + SECOND_US : gate.expiresAtUs }
      },
      async decideGate({ gateId, actor }: { gateId: string; actor: string }) {
        if (actor === 'requester') throw new DomainError('separation_of_duties', 'requester requested this proposal')
        const gate = gateOf(gateId)
        gate.approvals++
        if (gate.approvals === 2) gate.state = 'approved'
        return { state: gate.state, approvals: gate.approvals, required: 2, assignment: gate.state === 'approved' ? 'assignment-1' : null }
      },
      async tendAlert({ alertId }: { alertId: string }) {
        const times = (tended.get(alertId) ?? 0) + 1
        tended.set(alertId, times)
        if (times >= 4) return { closed: true, nextDueUs: null }
        return { closed: false, nextDueUs: times === 2 ? null : nowUs() + SECOND_US }
      },
      async tendFleetUpdate({ updateId }: { updateId: string }) {
        const times = (tended.get(updateId) ?? 0) + 1
        tended.set(updateId, times)
        if (stoppedUpdates.has(updateId)) return { state: 'stopped', stage: 0, wakeAtUs: null }
        if (times > 2 && !updateId.includes('stopped')) return { state: 'completed', stage: 1, wakeAtUs: null }
        return { state: 'running', stage: Math.min(1, times - 1), wakeAtUs: nowUs() + (updateId.includes('stopped') ? 3600 : 1) * SECOND_US }
      },
      async tendRollout({ rolloutId }: { rolloutId: string }) {
        const times = (tended.get(rolloutId) ?? 0) + 1
        tended.set(rolloutId, times)
        const stopped = stoppedRollouts.has(rolloutId)
        if (stopped || times > STAGES.length) return { state: stopped ? 'stopped' : 'completed', stage: STAGES.at(-1), wakeAtUs: null }
        return { state: 'running', stage: STAGES[times - 1], wakeAtUs: nowUs() + (rolloutId.includes('stopped') ? 3600 : 1) * SECOND_US }
      },
      async storeBatches() { return { committed: 2, quarantined: 0 } },
      async closeWindows() { return { windows: 12, scores: 12, late: 0 } },
      async snapshotDataset() { return { dataset: 'dataset-1' } },
      async trainModels({ family }: { family: string }) {
        if (family === 'too-little') throw new DomainError('insufficient_data', 'too few windows to train on')
        return { report: 'report-1' }
      },
      async registerModels() { return { models: [{ name: 'pumps', version: 1 }], chosen: { name: 'pumps', version: 1 } } },
      async makeRelease() { return { release: 'pumps-r1' } },
      async requestGate() { return { gate: 'gate-1' } },
      async finishRetraining() {},
      async measureDrift() { return { report: 'report-1', verdict: 'drift', retraining: 'operation-1' } },
      async finishDriftCheck() {},
      async countRescore() {},
      async rescoreStanding({ operationId }: { operationId: string }) {
        const looks = rescores.get(operationId) ?? { looks: 0, paused: operationId.includes('paused') }
        rescores.set(operationId, looks)
        if (looks.paused) return { paused: true, cancelling: false, assets: [4] }
        return { paused: false, cancelling: false, assets: ++looks.looks > 3 ? [] : [1, 2, 3].slice(0, 4 - looks.looks) }
      },
      async rescoreAsset({ operationId }: { operationId: string }) {
        if (operationId.includes('corrupt')) throw new DomainError('digest_mismatch', 'the model is corrupt')
        // Long enough for a cancellation to meet it.
        if (operationId.includes('cancelled')) for (let i = 0; i < 40; i++) { await Context.current().sleep(250); Context.current().heartbeat() }
      },
      async finishRescore() { return { windows: 12, written: 12, assets: 3, releases: ['pumps-r1'] } },
    },
  }
}

type Scenario = (client: Client) => Promise<WorkflowHandle>

function scenarios(fakes: ReturnType<typeof createFakes>): Record<string, Scenario> {
  const start = (client: Client, type: string, workflowId: string, input: unknown) =>
    client.workflow.start(type, { taskQueue: taskQueues.main, workflowId, args: [input] })
  const startGate = (client: Client, type: string, gateId: string) => start(client, type, `gate/${gateId}`, { site: 'hamburg', gateId, expiresAtUs: nowUs() + 3600 * SECOND_US })
  const decide = (handle: WorkflowHandle, actor: string, evidenceDigest = DIGEST, onBehalfOf: string | null = null) =>
    handle.executeUpdate<unknown, [GateDecisionInput]>(messageNames.decideGate, { args: [{ actor, verdict: 'approve', evidenceDigest, comment: '', onBehalfOf }] })
  const retrain = { site: 'hamburg', operationId: 'operation-1', family: 'pumps', reason: 'drift', requestedBy: 'mia', fromUs: 0, toUs: 1, assets: null, promote: true }
  return {
    'promote-model-approved': async (client) => {
      const handle = await startGate(client, workflowTypes.promoteModel, 'approved')
      await decide(handle, 'requester').catch(() => undefined)
      await decide(handle, 'rita', 'not a digest').catch(() => undefined)
      await decide(handle, 'rita')
      await decide(handle, 'ron')
      return handle
    },
    'promote-model-withdrawn': async (client) => {
      const handle = await startGate(client, workflowTypes.promoteModel, 'withdrawn')
      await decide(handle, 'rita')
      const gate = fakes.gates.get('withdrawn')
      if (gate) gate.state = 'withdrawn'
      await handle.signal(messageNames.withdrawGate)
      return handle
    },
    'promote-model-void': async (client) => startGate(client, workflowTypes.promoteModel, 'void'),
    'promote-model-escalated': async (client) => {
      const handle = await startGate(client, workflowTypes.promoteModel, 'escalated')
      await new Promise((resolve) => { setTimeout(resolve, 2500) })
      await decide(handle, 'otto', DIGEST, 'rita')
      await decide(handle, 'ron')
      return handle
    },
    'promote-model-emergency': async (client) => {
      const handle = await startGate(client, workflowTypes.promoteModel, 'emergency')
      await decide(handle, 'rita')
      fakes.gates.set('emergency', { state: 'approved', approvals: 1, expiresAtUs: nowUs() + 3600 * SECOND_US, review: 'due' })
      await handle.signal(messageNames.withdrawGate)
      await new Promise((resolve) => { setTimeout(resolve, 2500) })
      await decide(handle, 'ron').catch(() => undefined)
      const gate = fakes.gates.get('emergency')
      if (gate) gate.review = 'confirmed'
      await handle.signal(messageNames.withdrawGate)
      return handle
    },
    'change-governance-approved': async (client) => {
      const handle = await startGate(client, workflowTypes.changeGovernance, 'governance')
      await decide(handle, 'rita')
      await decide(handle, 'ron')
      return handle
    },
    'approve-policy-expired': async (client) => startGate(client, workflowTypes.approvePolicy, 'expires'),
    'roll-out': async (client) => start(client, workflowTypes.rollOut, 'rollout/through', { site: 'hamburg', rolloutId: 'through' }),
    'roll-out-stopped': async (client) => {
      const handle = await start(client, workflowTypes.rollOut, 'rollout/stopped', { site: 'hamburg', rolloutId: 'stopped' })
      await new Promise((resolve) => { setTimeout(resolve, 1500) })
      fakes.stoppedRollouts.add('stopped')
      await handle.signal(messageNames.rolloutChanged)
      return handle
    },
    'update-gateways': async (client) => start(client, workflowTypes.updateGateways, 'gateway-update/through-all', { site: 'hamburg', updateId: 'through-all' }),
    'update-gateways-stopped': async (client) => {
      const handle = await start(client, workflowTypes.updateGateways, 'gateway-update/stopped-one', { site: 'hamburg', updateId: 'stopped-one' })
      await new Promise((resolve) => { setTimeout(resolve, 1500) })
      fakes.stoppedUpdates.add('stopped-one')
      await handle.signal(messageNames.fleetUpdateChanged)
      return handle
    },
    'alert-lifecycle': async (client) => {
      const handle = await start(client, workflowTypes.alertLifecycle, 'alert/1', { site: 'hamburg', alertId: '1' })
      await new Promise((resolve) => { setTimeout(resolve, 2500) })
      await handle.signal(messageNames.alertChanged)
      return handle
    },
    'ingest-batch': async (client) => start(client, workflowTypes.ingestBatch, 'ingest/1',
      { site: 'hamburg', gateway: 'gw-1', epoch: '9f2c64b01d7a33e8', batchIds: ['1', '2'], traceId: '4bf92f3577b34da6a3ce929d0e0e4736' }),
    'retrain-model': async (client) => start(client, workflowTypes.retrainModel, 'retrain/1', retrain),
    'retrain-model-refused': async (client) => start(client, workflowTypes.retrainModel, 'retrain/2', { ...retrain, family: 'too-little' }),
    'check-drift': async (client) => start(client, workflowTypes.checkDrift, 'drift/1',
      { site: 'hamburg', operationId: 'operation-2', family: 'pumps', requestedBy: 'mia', mayRetrain: true }),
    'rescore': async (client) => start(client, workflowTypes.rescore, 'rescore/1', { site: 'hamburg', operationId: 'operation-3' }),
    'rescore-paused': async (client) => {
      const handle = await start(client, workflowTypes.rescore, 'rescore/2', { site: 'hamburg', operationId: 'paused' })
      await new Promise((resolve) => { setTimeout(resolve, 1500) })
      const rescore = fakes.rescores.get('paused')
      if (rescore) rescore.paused = false
      await handle.signal(messageNames.operationChanged)
      return handle
    },
    'rescore-refused': async (client) => start(client, workflowTypes.rescore, 'rescore/3', { site: 'hamburg', operationId: 'corrupt' }),
    'rescore-cancelled': async (client) => {
      const handle = await start(client, workflowTypes.rescore, 'rescore/4', { site: 'hamburg', operationId: 'cancelled' })
      await new Promise((resolve) => { setTimeout(resolve, 1500) })
      await handle.cancel()
      return handle
    },
  }
}

/** They name the machine that recorded, and a replay does not look at them. */
const PRIVATE: ReadonlySet<string> = new Set(['identity', 'stackTrace'])

/**
 * A history as JSON that goes back into the replayer as it is: its encoder takes 64-bit numbers as { low, high } and
 * bytes as base64. Absent fields are left out.
 */
function toPlain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(toPlain)
  // Sticky queues are called after process and host.
  if (typeof value === 'string') return value.replaceAll(`${process.pid}@${hostname()}`, 'recorder')
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).filter(([key, member]) => !PRIVATE.has(key) && member !== null && member !== undefined && !(Array.isArray(member) && member.length === 0))
  return Object.fromEntries(members.map(([key, member]) => [key, toPlain(member)]))
}

async function main(): Promise<void> {
  const out = path.join(root, 'test', 'histories')
  await mkdir(out, { recursive: true })
  const dataDir = await mkdtemp(path.join(tmpdir(), 'twinward-histories-'))
  const stack = await startStack({ dataDir, config: loadConfig({ TWINWARD_DATA_DIR: dataDir }) })
  try {
    const { temporal } = stack.connections
    const connection = await Connection.connect({ address: temporal.address })
    const native = await connectWorkers(temporal)
    const client = new Client({ connection, namespace: temporal.namespace })
    const fakes = createFakes()
    const workers = await createWorkers({
      connection: native, namespace: temporal.namespace,
      specs: Object.values(taskQueues).map((taskQueue) => ({ taskQueue, workflows: taskQueue === taskQueues.main, activities: fakes.activities })),
    })
    const running = workers.run()
    for (const [name, play] of Object.entries(scenarios(fakes))) {
      const file = path.join(out, `${name}.json`)
      if (existsSync(file)) continue
      const handle = await play(client)
      await handle.result().catch(() => undefined)
      const history = await client.workflow.getHandle(handle.workflowId).fetchHistory()
      await writeFile(file, `${JSON.stringify(toPlain(history), null, 1)}\n`)
      process.stdout.write(`recorded ${name}\n`)
    }
    workers.shutdown()
    await running
    await Promise.all([native.close(), connection.close()])
  } finally {
    await stack.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}

await main()
