import { z } from 'zod'
import { slugSchema } from '../../registry/domain/contract/primitives.ts'
import { microsToIso } from '../../registry/domain/contract/time.ts'
import { issueUpdate, issueUpdateInput } from '../../registry/services/issue-update.ts'
import { fleetUpdateKinds, fleetUpdateStates, targetStates } from '../../registry/domain/update/fleet.ts'
import { beginFleetUpdate, beginUpdateInput } from '../../registry/services/gateway-updates/begin.ts'
import { configureFleet, configureInput } from '../../registry/services/gateway-updates/configure.ts'
import { putPieceInput, putUpdatePiece } from '../../registry/services/gateway-updates/put-piece.ts'
import { stopUpdate, stopUpdateInput } from '../../registry/services/gateway-updates/tend.ts'
import { getUpdate, listUpdates, viewOfUpdate } from '../../registry/services/read/gateway-updates.ts'
import { pageInput } from '../../registry/services/read/page.ts'
import type { ApiDeps } from '../deps.ts'
import { endpoint } from '../endpoint.ts'
import { uuidOf } from '../mount.ts'
import { pageOf } from '../pagination.ts'

const issuedSchema = z
  .object({
    digest: z.string().describe('SHA-256 over the signed manifest, which names every file by its digest'),
    key: z.string().describe('Id of the key that signed'),
    issue: z.number().int().describe('Of two updates of one version the one with the higher number is later'),
    issuedAt: z.string(),
    version: z.string(),
    sealed: z.string().describe('The signed manifest, base64; the compressed files go behind it'),
  })
  .meta({ id: 'IssuedGatewayUpdate' })

const updateSchema = z
  .object({
    id: z.string(),
    site: z.string(),
    kind: z.enum(fleetUpdateKinds).describe('program: one for all · site-file: each gateway gets its own'),
    version: z.string().describe('Of the program; of site files the number of their issue'),
    program: z.string().nullable().describe('What a gateway says that it runs when it has it; null for site files'),
    state: z.enum(fleetUpdateStates).describe('failed: it ended by itself, since a gateway went back, refused, fell silent or took too long'),
    stage: z.number().int().describe('Where it is, or was when it ended; from 0'),
    stages: z.number().int(),
    stageSince: z.string(),
    settleSeconds: z.number().int(),
    withinSeconds: z.number().int(),
    reason: z.string(),
    startedBy: z.string(),
    startedAt: z.string(),
    endedBy: z.string().nullable(),
    endedAt: z.string().nullable(),
    endedBecause: z.string().nullable(),
    gateways: z.array(z.object({
      gateway: slugSchema, stage: z.number().int(), wants: z.string().describe('Name of the program, or digest of the site file'), state: z.enum(targetStates), orderedAt: z.string().nullable(), wellSince: z.string().nullable(), detail: z.string().nullable(),
    })),
  })
  .meta({ id: 'GatewayUpdate' })

const one = { params: z.object({ update: uuidOf('update') }), locate: { kind: 'gateway-update', param: 'update' } } as const

/** Programs and site files on their way to gateways. */
export const gatewayUpdateEndpoints = ({ bundleSigner }: Pick<ApiDeps, 'bundleSigner'>) => [
  endpoint({
    operationId: 'issueGatewayUpdate', method: 'post', path: '/v1/gateway-updates/issues', tag: 'Data', right: 'gateway.update', scope: 'site', status: 201,
    summary: 'Sign an update of the gateway’s program',
    description: 'The body says which version, for which platform and Node, and the digest of each file; "twinward edge package" makes it. Gateways take it when they trust the platform’s key.',
    body: issueUpdateInput.shape.update, answer: issuedSchema,
    handle: async ({ ctx, actor, site, body }) => {
      const { sealed, digest, keyId, manifest } = await issueUpdate({ ...ctx, signer: bundleSigner }, actor, { site, update: body })
      return { digest, key: keyId, issue: manifest.issue.number, issuedAt: microsToIso(manifest.issue.atUs), version: manifest.version, sealed: Buffer.from(sealed).toString('base64') }
    },
  }),
  endpoint({
    operationId: 'putGatewayUpdatePiece', method: 'post', path: '/v1/gateway-updates/files/{digest}/pieces', tag: 'Data', right: 'gateway.update', scope: 'site', status: 201,
    summary: 'Send a piece of an update’s file, before the update begins', params: putPieceInput.pick({ digest: true }), body: putPieceInput.pick({ offset: true, piece: true }).strict(),
    answer: z.object({ digest: z.string(), offset: z.number().int(), bytes: z.number().int() }),
    handle: ({ ctx, actor, site, params, body }) => putUpdatePiece(ctx, actor, { site, ...params, ...body }),
  }),
  endpoint({
    operationId: 'beginGatewayUpdate', method: 'post', path: '/v1/gateway-updates', tag: 'Data', right: 'gateway.update', scope: 'site', status: 201,
    summary: 'Bring an update to the gateways of a site, stage after stage', description: 'Each stage waits until all gateways of the one before have been well with it for a time. One that goes back by itself, refuses, falls silent or takes too long ends it.',
    body: beginUpdateInput.omit({ site: true }).strict(), answer: updateSchema,
    handle: async ({ ctx, actor, site, body }) => viewOfUpdate(await beginFleetUpdate({ ...ctx, signer: bundleSigner }, actor, { site, ...body })),
  }),
  endpoint({
    operationId: 'configureGateways', method: 'post', path: '/v1/gateway-updates/site-files', tag: 'Data', right: 'gateway.update', scope: 'site', status: 201,
    summary: 'Bring site files to the gateways of a site, each its own, stage after stage',
    description: 'Each is signed for its gateway and for the site file that it takes the place of. A gateway checks it as "edge check" does, tries it, and goes back by itself where it is not well with it; that, and whatever ends an update of the program, ends this.',
    body: configureInput.omit({ site: true }).strict(), answer: updateSchema,
    handle: async ({ ctx, actor, site, body }) => viewOfUpdate(await configureFleet({ ...ctx, signer: bundleSigner }, actor, { site, ...body })),
  }),
  endpoint({
    operationId: 'listGatewayUpdates', method: 'get', path: '/v1/gateway-updates', tag: 'Data', right: 'read', scope: 'sites', summary: 'Updates of the gateways’ program, newest first',
    query: z.object(pageInput), answer: pageOf(updateSchema), handle: ({ ctx, actor, site, query }) => listUpdates(ctx, actor, { site, ...query }),
  }),
  endpoint({
    ...one, operationId: 'getGatewayUpdate', method: 'get', path: '/v1/gateway-updates/{update}', tag: 'Data', right: 'read', scope: 'site', summary: 'One update, gateway by gateway', answer: updateSchema,
    handle: ({ ctx, actor, site, params }) => getUpdate(ctx, actor, { site, ...params }),
  }),
  endpoint({
    ...one, operationId: 'stopGatewayUpdate', method: 'post', path: '/v1/gateway-updates/{update}/stop', tag: 'Data', right: 'gateway.update', scope: 'site',
    summary: 'Stop an update at once: no other gateway is told, those that have it keep it', body: stopUpdateInput.pick({ reason: true }).strict(), answer: updateSchema,
    handle: async ({ ctx, actor, site, params, body }) => viewOfUpdate(await stopUpdate(ctx, actor, { site, ...params, ...body })),
  }),
]
