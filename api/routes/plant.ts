import { z } from 'zod'
import { tagChecksSchema } from '../../registry/domain/checks/limits.ts'
import { siteSchema } from '../../registry/domain/contract/hierarchy.ts'
import { maintenanceEventSchema } from '../../registry/domain/contract/maintenance.ts'
import { slugSchema } from '../../registry/domain/contract/primitives.ts'
import { familyGovernanceSchema } from '../../registry/domain/governance/family.ts'
import { createFamily, createFamilyInput } from '../../registry/services/create-family.ts'
import { createSite, createSiteInput } from '../../registry/services/create-site.ts'
import { importAssets, importAssetsInput } from '../../registry/services/import-assets.ts'
import { getAsset, listAssets } from '../../registry/services/read/assets.ts'
import { getFamily, listFamilies } from '../../registry/services/read/families.ts'
import { listMaintenance } from '../../registry/services/read/maintenance.ts'
import { pageInput } from '../../registry/services/read/page.ts'
import { listSites } from '../../registry/services/read/sites.ts'
import { listTags } from '../../registry/services/read/tags.ts'
import { recordMaintenance } from '../../registry/services/record-maintenance.ts'
import { endpoint } from '../endpoint.ts'
import { pageOf, whole } from '../pagination.ts'
import { anyJson, assetId, inMicros, instantUs, jsonFields, jsonObject, rangeQuery } from './common.ts'

const validity = { validFrom: z.string(), validTo: z.string().nullable() }

const siteViewSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    timeZone: z.string(),
    kind: z.enum(['plant', 'simulation']),
    assets: z.number().int(),
    lastCommit: z.number().int().describe('Newest commit number: how much is known'),
    createdAt: z.string(),
  })
  .meta({ id: 'SiteView' })

const asset = {
  site: z.string(),
  id: z.string(),
  name: z.string(),
  class: z.string(),
  family: z.string(),
  area: z.string(),
  line: z.string(),
  owner: z.string().nullable(),
  nameplate: jsonObject,
  business: jsonObject.describe('Criticality, cost of a stop, spares, schedule'),
  ...validity,
}
const assetViewSchema = z.object(asset).meta({ id: 'AssetView' })
const assetDetailSchema = z
  .object({
    ...asset,
    components: z.array(z.object({ id: z.string(), name: z.string(), kind: z.string(), geometry: z.record(z.string(), z.number()), ...validity })),
    history: z.array(assetViewSchema).describe('Everywhere it stood, as it is or was last first'),
  })
  .meta({ id: 'AssetDetail' })

const tagViewSchema = z
  .object({
    tag: z.string().describe('asset/name'),
    asset: z.string(),
    component: z.string().nullable(),
    role: z.string(),
    kind: z.enum(['scalar', 'waveform']),
    unit: z.string().describe('UCUM unit the device gives'),
    canonicalUnit: z.string(),
    range: z.object({ low: z.number(), high: z.number() }).nullable(),
    checks: tagChecksSchema.nullable().describe('What readings are held against beside the range'),
    provenance: anyJson,
    calibration: anyJson,
    newestReadingAt: z.string().nullable(),
    ...validity,
  })
  .meta({ id: 'TagView' })

const family = {
  id: z.string(),
  name: z.string(),
  owner: z.string().nullable(),
  governance: familyGovernanceSchema,
  governanceVersion: z.number().int().describe('0: the defaults, which nobody chose'),
  drift: jsonObject,
}
const familyViewSchema = z.object({ ...family, assets: z.number().int() }).meta({ id: 'FamilyView' })

const maintenanceViewSchema = z
  .object({
    id: z.string(),
    asset: z.string(),
    component: z.string().nullable(),
    kind: maintenanceEventSchema.shape.kind,
    start: z.string(),
    end: z.string().nullable(),
    failureMode: z.string().nullable(),
    note: z.string(),
    workOrder: z.string().nullable(),
    recordedBy: z.string(),
    recordedAt: z.string(),
  })
  .meta({ id: 'MaintenanceView' })

const importOutcomeSchema = z
  .object({
    site: z.string(),
    areas: z.number().int(),
    lines: z.number().int(),
    assets: z.number().int(),
    components: z.number().int(),
    tags: z.number().int(),
    opened: z.number().int().describe('Versions that begin'),
    closed: z.number().int().describe('Versions that end'),
    described: z.number().int().describe('Descriptions brought up to date'),
    familiesMade: z.array(z.string()),
    changed: z.boolean().describe('False: the document said nothing new'),
  })
  .meta({ id: 'ImportOutcome' })

const common = { tag: 'Plant' } as const
const reading = { tag: 'Plant', method: 'get', right: 'read', scope: 'site' } as const

export const plantEndpoints = [
  endpoint({
    ...common, operationId: 'listSites', method: 'get', path: '/v1/sites', right: 'read', scope: 'fleet', summary: 'The sites your key covers',
    answer: pageOf(siteViewSchema),
    handle: async ({ ctx, actor }) => whole(await listSites(ctx, actor)),
  }),
  endpoint({
    ...common, operationId: 'putSite', method: 'post', path: '/v1/sites', right: 'site.write', scope: 'fleet',
    summary: 'Make a site, or change its name and time zone', body: createSiteInput.strict(),
    answer: z.object({ ...siteSchema.shape, made: z.boolean() }),
    handle: ({ ctx, actor, body }) => createSite(ctx, actor, body),
  }),
  endpoint({
    ...reading, operationId: 'listAssets', path: '/v1/assets', scope: 'sites', summary: 'Machines as they stand, or stood at an instant',
    query: z.object({ family: slugSchema.optional(), line: slugSchema.optional(), at: instantUs.optional(), ...pageInput }),
    answer: pageOf(assetViewSchema),
    handle: ({ ctx, actor, site, query: { at, ...query } }) => listAssets(ctx, actor, { site, ...query, atUs: at }),
  }),
  endpoint({
    ...common, operationId: 'importAssets', method: 'post', path: '/v1/assets/import', right: 'asset.write', scope: 'fleet',
    summary: 'Bring in a site’s registry: all of the document or nothing; twice changes nothing',
    description: 'The document names its site, which is made when you may make sites.',
    body: importAssetsInput.strict(), answer: importOutcomeSchema,
    handle: ({ ctx, actor, body }) => importAssets(ctx, actor, body),
  }),
  endpoint({
    ...reading, operationId: 'getAsset', path: '/v1/assets/{asset}', summary: 'One machine with its components and its history',
    params: z.object({ asset: assetId }), answer: assetDetailSchema,
    handle: ({ ctx, actor, site, params }) => getAsset(ctx, actor, { site, asset: params.asset }),
  }),
  endpoint({
    ...reading, operationId: 'listTags', path: '/v1/tags', summary: 'Tags as they are measured, or were at an instant',
    query: z.object({ asset: assetId.optional(), role: slugSchema.optional(), at: instantUs.optional(), ...pageInput }), answer: pageOf(tagViewSchema),
    handle: ({ ctx, actor, site, query: { at, ...query } }) => listTags(ctx, actor, { site, ...query, atUs: at }),
  }),
  endpoint({
    ...reading, operationId: 'listFamilies', path: '/v1/families', summary: 'Asset families: owner, rules for approval, drift thresholds',
    answer: pageOf(familyViewSchema),
    handle: async ({ ctx, actor, site }) => whole(await listFamilies(ctx, actor, { site })),
  }),
  endpoint({
    ...common, operationId: 'putFamily', method: 'post', path: '/v1/families', right: 'family.write', scope: 'site',
    summary: 'Make a family with its owner and rules, or change its name and drift thresholds',
    description: 'Owner and rules are set here once; from then on they change through a gate (POST /v1/families/{family}/governance).', body: createFamilyInput.omit({ site: true }).extend({ drift: jsonFields.default({}) }).strict(),
    answer: z.object({ ...family, made: z.boolean() }),
    handle: ({ ctx, actor, site, body }) => createFamily(ctx, actor, { site, ...body }),
  }),
  endpoint({
    ...reading, operationId: 'getFamily', path: '/v1/families/{family}', summary: 'One family',
    params: z.object({ family: slugSchema }), answer: familyViewSchema,
    handle: ({ ctx, actor, site, params }) => getFamily(ctx, actor, { site, family: params.family }),
  }),
  endpoint({
    ...reading, operationId: 'listMaintenance', path: '/v1/maintenance-events', summary: 'What maintenance did or found, newest recorded first',
    query: z.object({ asset: assetId.optional(), ...rangeQuery, ...pageInput }), answer: pageOf(maintenanceViewSchema),
    handle: ({ ctx, actor, site, query }) => listMaintenance(ctx, actor, { site, ...inMicros(query) }),
  }),
  endpoint({
    ...common, operationId: 'recordMaintenance', method: 'post', path: '/v1/maintenance-events', right: 'maintenance.write', scope: 'site',
    summary: 'Record what maintenance did or found; a failure proposes a label', body: maintenanceEventSchema.strict(), status: 201,
    answer: z.object({ maintenance: z.string(), label: z.string().nullable(), repeated: z.boolean() }),
    handle: ({ ctx, actor, site, body }) => recordMaintenance(ctx, actor, { site, ...body }),
  }),
]
