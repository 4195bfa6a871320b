import { randomUUID } from 'node:crypto'
import { createApiClient, type ApiClient } from '../../infra/cli/api-client.ts'
import { waitFor } from '../../infra/demo/wait.ts'
import type { AssetImport } from '../../registry/domain/contract/hierarchy.ts'
import type { FeatureSetInput } from '../../registry/domain/features/feature-set.ts'
import type { PolicyInput } from '../../registry/domain/policy/policy.ts'
import type { z } from 'zod'
import type { assetImportSchema } from '../../registry/domain/contract/hierarchy.ts'
import { readingsBatch, type Row } from './ingest-plant.ts'

/** A small plant whose windows are short, so that a few thousand readings train a model and raise an alert. */
export const S = 1_000_000
export const millFamily = 'mills'
export const millRoles = ['vibration', 'temperature', 'current'] as const

export function millPlant(site: string, assets: readonly string[] = ['mill-1']): z.input<typeof assetImportSchema> & Pick<AssetImport, 'site'> {
  const validFrom = '2020-01-01T00:00:00Z'
  return {
    site: { id: site, name: 'Mill', timeZone: 'UTC', kind: 'plant' },
    areas: [{ id: 'hall', name: 'Hall' }],
    lines: [{ id: 'line-1', area: 'hall', name: 'Line 1' }],
    assets: assets.map((id) => ({ id, name: id, class: 'ball-mill', family: millFamily, line: 'line-1', validFrom })),
    tags: assets.flatMap((asset) => [
      ...millRoles.map((role) => ({ asset, name: role, role, unit: '1', canonicalUnit: '1', validFrom })),
      { asset, name: 'wave', role: 'wave', kind: 'waveform' as const, unit: '1', canonicalUnit: '1', validFrom },
    ]),
  }
}

export const millFeatures: FeatureSetInput = {
  name: 'mill-condition', version: 1, windowUs: 10 * S, hopUs: 10 * S,
  features: millRoles.flatMap((role) => [
    { name: `${role}-mean`, role, kind: 'mean' as const },
    { name: `${role}-std`, role, kind: 'std' as const },
  ]),
}

export function millPolicy(version: number, deadlines: { acknowledgeWithinSeconds: number; escalateAfterSeconds: number }): PolicyInput {
  return {
    name: millFamily, version,
    rules: [{
      id: 'wear', signal: 'feature:vibration-mean', comparison: 'above', raiseAt: 6, clearAt: 4, onDelayUs: 20 * S, offDelayUs: 20 * S,
      severity: 'high', failureMode: 'VIB', recommendedAction: 'Inspect the drive-end bearing.',
    }],
    routing: {
      channels: { low: [], medium: [], high: ['maintenance'], urgent: [] },
      acknowledgeWithinSeconds: deadlines.acknowledgeWithinSeconds,
      escalation: [{ afterSeconds: deadlines.escalateAfterSeconds, to: 'shift-lead' }],
    },
  }
}

/** One reading a second of each role, [fromS, toS) seconds after `startUs`: the same numbers whoever asks. */
export function millReadings(asset: string, startUs: number, fromS: number, toS: number, worn = 0): Row[] {
  const rows: Row[] = []
  for (let second = fromS; second < toS; second++) {
    const swing = (k: number) => Math.sin(second * k) + Math.cos(second * k * 1.7 + 1)
    const values = { vibration: 2 + 0.3 * swing(2.13) + worn, temperature: 60 + 0.5 * swing(0.71) + 0.2 * worn, current: 40 + swing(1.31) }
    for (const role of millRoles) rows.push({ tag: `${asset}/${role}`, sourceUs: startUs + second * S, value: values[role], gatewayUs: startUs + second * S + 1000 })
  }
  return rows
}

/** A batch of the mill: readings of all assets over a span, its watermark at the end of it. */
export function millBatch(site: string, sequence: number, startUs: number, fromS: number, toS: number, options: { gateway?: string; epoch?: string; assets?: readonly string[]; worn?: number } = {}): Uint8Array {
  const rows = (options.assets ?? ['mill-1']).flatMap((asset) => millReadings(asset, startUs, fromS, toS, options.worn))
  return readingsBatch(rows, {
    site, sequence, gateway: options.gateway ?? 'gw-1', ...(options.epoch !== undefined && { epoch: options.epoch }),
    completeThroughUs: startUs + (toS - 1) * S, createdUs: startUs + toS * S, traceId: sequence.toString(16).padStart(32, '0'),
  })
}

export interface People { readonly mia: ApiClient; readonly rita: ApiClient; readonly ravi: ApiClient; readonly omar: ApiClient }

const roles = { mia: 'ml-engineer', rita: 'reliability-engineer', ravi: 'reliability-engineer', omar: 'operator' } as const

/** Four people with a key each, made over HTTP. */
export async function makePeople(admin: ApiClient, site: string): Promise<People & { keys: Record<keyof People, string> }> {
  const made = await Promise.all(Object.entries(roles).map(async ([id, role]) => {
    await admin.post('/v1/actors', { id, name: id, kind: 'person', roles: [role] }, { site })
    const { key } = await admin.post<{ key: string }>('/v1/api-keys', { actor: id, label: 'test' }, { site })
    return [id, key] as const
  }))
  const keys = Object.fromEntries(made) as Record<keyof People, string>
  const clients = Object.fromEntries(made.map(([id, key]) => [id, createApiClient(admin.url, key)])) as unknown as People
  return { ...clients, keys }
}

export const twoApprovals = {
  'promote-model': { requiredApprovals: 2, roles: ['reliability-engineer'], ownerMustApprove: true },
  'approve-policy': { requiredApprovals: 1, roles: ['reliability-engineer'], ownerMustApprove: true },
}

export interface OperationView { id: string; kind: string; state: string; error: unknown; progress: Record<string, unknown>; result: Record<string, unknown> | null }

/** Starts an operation over HTTP and waits until it succeeded. */
export async function runOperation(client: ApiClient, site: string, request: Record<string, unknown>): Promise<Record<string, unknown>> {
  const { id } = await client.post<OperationView>('/v1/operations', request, { site }, randomUUID())
  return waitFor(`operation ${String(request['kind'])}`, async () => {
    const view = await client.get<OperationView>(`/v1/operations/${id}`, { site })
    if (view.state === 'failed' || view.state === 'cancelled') throw new Error(`${view.kind} ${view.state}: ${JSON.stringify(view.error)}`)
    return view.state === 'succeeded' ? (view.result ?? {}) : undefined
  }, 120_000, 200)
}

export interface GateView { id: string; state: string; release: string; evidenceDigest: string | null; requiredApprovals: number }

/** Waits until the gate has its evidence and can be decided. Where workers are killed: a minute passes until one is missed that collected it. */
export function openGate(client: ApiClient, site: string, gate: string, limitMs = 60_000): Promise<GateView> {
  return waitFor(`gate ${gate} to open`, async () => {
    const view = await client.get<GateView>(`/v1/gates/${gate}`, { site })
    return view.state === 'open' && view.evidenceDigest !== null ? view : undefined
  }, limitMs, 100)
}

export const approve = (client: ApiClient, site: string, gate: GateView) =>
  client.post<{ state: string }>(`/v1/gates/${gate.id}/approve`, { evidenceDigest: gate.evidenceDigest, comment: 'Seen.' }, { site })

/** Family, feature set and a policy over HTTP: what windows need to be measured and a model to be trained. */
export async function foundFamily(people: People, admin: ApiClient, site: string, deadlines: { acknowledgeWithinSeconds: number; escalateAfterSeconds: number }): Promise<void> {
  await admin.post('/v1/families', { id: millFamily, name: 'Mills', owner: 'rita', governance: twoApprovals }, { site })
  await people.mia.post('/v1/feature-sets', { family: millFamily, definition: millFeatures }, { site })
  await people.mia.post('/v1/policies', { family: millFamily, definition: millPolicy(1, deadlines) }, { site })
}

/** Trains on what is stored and gives the release and its gate, which waits. */
export async function trainMill(people: People, site: string): Promise<{ release: string; gate: string }> {
  const result = await runOperation(people.mia, site, { kind: 'retrain-model', family: millFamily, promote: true, reason: 'first model' })
  return result as { release: string; gate: string }
}

/** Both reliability engineers approve the waiting gate; its release is champion afterwards. */
export async function appoint(people: People, site: string, gate: string): Promise<void> {
  const open = await openGate(people.rita, site, gate)
  await approve(people.ravi, site, open)
  const { state } = await approve(people.rita, site, open)
  if (state !== 'approved') throw new Error(`gate ${gate} is ${state} after two approvals`)
}
