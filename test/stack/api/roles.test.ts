import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { roles, type Role } from '../../../registry/domain/access/rights.ts'
import { assetImportExample } from '../../../registry/domain/contract/hierarchy.ts'
import { startTestApi, type TestApi } from '../../helpers/api.ts'
import { freshDatabase, freshPrefix, useStack, type TestDatabase } from '../../helpers/stack.ts'

const everybody: readonly Role[] = roles
const engineers: readonly Role[] = ['ml-engineer', 'reliability-engineer', 'admin']
const takingPart: readonly Role[] = ['operator', ...engineers]
const answering: readonly Role[] = ['operator', 'reliability-engineer', 'admin']
const adminOnly: readonly Role[] = ['admin']
const integrating: readonly Role[] = ['integrator', 'admin']

/**
 * Who may write, operation by operation, written down by hand so that a slip in the code is not copied here. What reads
 * is open to every role but the few named below.
 */
const allowed: Readonly<Record<string, readonly Role[]>> = {
  putSite: adminOnly,
  importAssets: ['integrator', 'reliability-engineer', 'admin'],
  putFamily: ['reliability-engineer', 'admin'],
  enrolGateway: integrating,
  renewGateway: integrating,
  issueGatewayUpdate: integrating,
  putGatewayUpdatePiece: integrating,
  beginGatewayUpdate: integrating,
  configureGateways: integrating,
  stopGatewayUpdate: integrating,
  revokeGateway: ['integrator', 'operator', 'reliability-engineer', 'admin'],
  // The authority is the whole fleet's: an admin of one site has no say.
  listGatewayAuthorities: [],
  rotateGatewayAuthority: [],
  acknowledgeLocalAlarm: answering,
  recallReadings: ['integrator', 'operator', 'ml-engineer', 'reliability-engineer', 'admin'],
  recordMaintenance: ['integrator', 'operator', 'reliability-engineer', 'admin'],
  replayScore: ['ml-engineer', 'reliability-engineer', 'integrator', 'admin'],
  replayAsset: ['ml-engineer', 'reliability-engineer', 'integrator', 'admin'],
  replayAlert: ['ml-engineer', 'reliability-engineer', 'integrator', 'admin'],
  whatIfScore: ['ml-engineer', 'reliability-engineer', 'integrator', 'admin'],
  whatIfAsset: ['ml-engineer', 'reliability-engineer', 'integrator', 'admin'],
  whatIfAlert: ['ml-engineer', 'reliability-engineer', 'integrator', 'admin'],
  registerFeatureSet: ['ml-engineer', 'admin'],
  registerModelVersion: ['ml-engineer', 'admin'],
  copyModelVersion: ['ml-engineer', 'admin'],
  createRelease: engineers,
  exportBundle: ['integrator', ...engineers],
  checkDrift: ['ml-engineer', 'reliability-engineer', 'integrator', 'admin'],
  requestPromotion: engineers,
  // Who may decide is asked by the service: operators do where an approver delegated to them.
  approveGate: takingPart,
  rejectGate: takingPart,
  approveGateInEmergency: engineers,
  reviewGate: takingPart,
  askForChanges: takingPart,
  answerGate: engineers,
  commentOnGate: takingPart,
  addGateReviewer: takingPart,
  withdrawGate: engineers,
  delegateGates: engineers,
  proposeGovernance: ['reliability-engineer', 'admin'],
  revokeDelegation: takingPart,
  rollBack: engineers,
  stopRollout: engineers,
  advanceRollout: engineers,
  acknowledgeIncident: engineers,
  closeIncident: engineers,
  previewPolicy: engineers,
  suggestPolicy: engineers,
  recomputeEvidence: engineers,
  proposePolicy: engineers,
  acknowledgeAlert: answering,
  shelveAlert: answering,
  createWorkOrder: answering,
  giveFeedback: answering,
  closeAlert: answering,
  reviewLabel: ['reliability-engineer', 'admin'],
  listWebhooks: integrating,
  createWebhook: integrating,
  disableWebhook: integrating,
  // Training and drift checks are asked for here; the service asks for their own rights once it knows which.
  startOperation: everybody,
  pauseOperation: ['ml-engineer', 'reliability-engineer', 'integrator', 'admin'],
  resumeOperation: ['ml-engineer', 'reliability-engineer', 'integrator', 'admin'],
  cancelOperation: ['ml-engineer', 'reliability-engineer', 'integrator', 'admin'],
  listActors: adminOnly,
  createActor: adminOnly,
  changeActor: adminOnly,
  listApiKeys: adminOnly,
  issueApiKey: adminOnly,
  revokeApiKey: adminOnly,
}

interface Operation { operationId: string; method: string; path: string }

describe('who may do what', () => {
  let database: TestDatabase
  let api: TestApi
  let operations: Operation[]
  const keys = {} as Record<Role, string>
  before(async () => {
    const stack = await useStack()
    database = await freshDatabase(stack)
    api = await startTestApi({ ...stack.connections, database, s3: { ...stack.connections.s3, bucketPrefix: freshPrefix() } })
    const plant = { ...assetImportExample, assets: assetImportExample.assets?.map((asset) => ({ ...asset, owner: null })) }
    assert.equal((await api.call(api.adminKey, 'POST', '/v1/assets/import', plant)).status, 200)
    for (const role of roles) keys[role] = await api.keyFor('hamburg', [role], `one-${role}`)
    const { paths } = (await api.call<{ paths: Record<string, Record<string, { operationId: string }>> }>(null, 'GET', '/openapi.json')).body
    operations = Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, { operationId }]) => ({ operationId, method: method.toUpperCase(), path })))
      .filter(({ path }) => path !== '/v1/session')
  })
  after(async () => {
    await api?.stop()
    await database?.drop()
  })

  it('lists every operation that writes', () => {
    const writing = operations.filter(({ method }) => method !== 'GET').map(({ operationId }) => operationId)
    assert.deepEqual(writing.filter((id) => !Object.hasOwn(allowed, id)), [])
    assert.deepEqual(Object.keys(allowed).filter((id) => !operations.some(({ operationId }) => operationId === id)), [])
  })

  it('lets each role do what the table says and nothing else', async () => {
    for (const { operationId, method, path } of operations) {
      const address = path.replaceAll(/\{[^}]+\}/g, '00000000-0000-4000-8000-000000000000')
      const answers = await Promise.all(roles.map(async (role) => ({ role, ...await api.call(keys[role], method, address, method === 'GET' ? undefined : '{}') })))
      for (const { role, status, text } of answers) {
        const may = (allowed[operationId] ?? everybody).includes(role)
        assert.equal(status === 403, !may, `${operationId} as ${role}: ${status} ${text.slice(0, 200)}`)
        assert.notEqual(status, 401, operationId)
        assert.ok(status < 500 || status === 503, `${operationId} as ${role}: ${text.slice(0, 200)}`)
      }
    }
  })

  it('asks for the right of the very operation that is started', async () => {
    const train = { kind: 'retrain-model', family: 'cooling-pumps' }
    const drift = { kind: 'check-drift', family: 'cooling-pumps' }
    const status = async (role: Role, body: unknown) => (await api.call(keys[role], 'POST', '/v1/operations', body)).status
    for (const role of ['viewer', 'operator'] as const) {
      assert.equal(await status(role, train), 403)
      assert.equal(await status(role, drift), 403)
    }
    assert.equal(await status('reliability-engineer', train), 403)
    assert.equal(await status('ml-engineer', train), 422, 'the family has no feature set yet')
    assert.equal(await status('reliability-engineer', drift), 422, 'no champion is in force yet')
    assert.equal(await status('ml-engineer', { ...drift, mayRetrain: true }), 422)
    assert.equal(await status('reliability-engineer', { ...drift, mayRetrain: true }), 403)
    const rescore = { kind: 'rescore', family: 'cooling-pumps', from: '2026-01-01T00:00:00Z', reason: 'a wrong model' }
    for (const role of ['viewer', 'operator', 'integrator'] as const) assert.equal(await status(role, rescore), 403)
    for (const role of ['ml-engineer', 'reliability-engineer'] as const) assert.equal(await status(role, rescore), 422, 'no release is in force yet')
  })

  it('looks at roles at each request: who is disabled or loses a role stops at once', async () => {
    const key = await api.keyFor('hamburg', ['operator', 'viewer'], 'omar')
    const close = () => api.call(key, 'POST', '/v1/alerts/00000000-0000-4000-8000-000000000000/close', { reason: 'x' })
    assert.equal((await close()).status, 404)
    await api.call(api.adminKey, 'PATCH', '/v1/actors/omar', { roles: ['viewer'] })
    assert.equal((await close()).status, 403)
    await api.call(api.adminKey, 'PATCH', '/v1/actors/omar', { disabled: true })
    assert.equal((await close()).status, 401)
  })
})
