import { z } from 'zod'
import { slugSchema } from '../../registry/domain/contract/primitives.ts'
import { microsToIso } from '../../registry/domain/contract/time.ts'
import { checkDrift, checkDriftInput } from '../../registry/services/check-drift.ts'
import { copyModelVersion, copyModelVersionInput } from '../../registry/services/copy-model-version.ts'
import { createRelease, createReleaseInput } from '../../registry/services/create-release.ts'
import { getModelActions } from '../../registry/services/read/actions.ts'
import { getDataset, listDatasets } from '../../registry/services/read/datasets.ts'
import { getDriftReport, listDriftReports } from '../../registry/services/read/drift.ts'
import { getFeatureSet, listFeatureSets } from '../../registry/services/read/feature-sets.ts'
import { getModel, listModels } from '../../registry/services/read/models.ts'
import { getOperation } from '../../registry/services/read/operations.ts'
import { pageInput } from '../../registry/services/read/page.ts'
import { getRelease, listReleases, type ReleaseView } from '../../registry/services/read/releases.ts'
import { registerFeatureSet, registerFeatureSetInput } from '../../registry/services/register-feature-set.ts'
import { registerModelVersion, registerModelVersionInput } from '../../registry/services/register-model-version.ts'
import { endpoint } from '../endpoint.ts'
import { uuidOf } from '../mount.ts'
import { pageOf } from '../pagination.ts'
import { anyJson, jsonFields, jsonObject, wholeNumber } from './common.ts'
import { operationSchema } from './operation-schema.ts'

const named = { name: z.string(), version: z.number().int(), digest: z.string() }

const featureSetViewSchema = z
  .object({
    site: z.string(),
    family: z.string(),
    ...named,
    current: z.boolean().describe('The newest of its family: what windows are measured by where no release is in force'),
    definition: jsonObject,
    createdBy: z.string(),
    createdAt: z.string(),
  })
  .meta({ id: 'FeatureSetView' })

const dataset = {
  site: z.string(),
  id: z.string(),
  family: z.string(),
  digest: z.string().describe('Over canonical rows'),
  commitNumber: z.number().int(),
  rowCount: z.number().int(),
  createdBy: z.string(),
  createdAt: z.string(),
}
const datasetSchema = z.object(dataset).meta({ id: 'Dataset' })
const datasetDetailSchema = z.object({ ...dataset, manifestKey: z.string(), manifest: jsonObject }).meta({ id: 'DatasetDetail' })

const model = {
  site: z.string(),
  family: z.string(),
  ...named,
  kind: z.string(),
  dataset: z.string(),
  featureSet: z.object(named),
  metrics: jsonObject,
  reason: z.string(),
  run: z.string(),
  copiedFrom: z.object({ site: z.string(), name: z.string(), version: z.number().int(), by: z.string() }).nullable()
    .describe('The version at another site that this is a copy of, and who took it over'),
  createdBy: z.string(),
  createdAt: z.string(),
  releases: z.array(z.string()).describe('Releases that bind it'),
}
const modelSchema = z.object(model).meta({ id: 'ModelVersion' })
const modelDetailSchema = z
  .object({ ...model, artifactKey: z.string(), calibration: jsonObject, runtime: jsonObject, card: z.string().describe('Markdown') })
  .meta({ id: 'ModelVersionDetail' })
const registeredSchema = z.object({ name: z.string(), version: z.number().int(), family: z.string(), digest: z.string(), made: z.boolean(), createdAt: z.string() })
const registered = ({ name, version, family, digest, made, createdUs }: Awaited<ReturnType<typeof registerModelVersion>>) =>
  ({ name, version, family, digest, made, createdAt: microsToIso(createdUs) })

const count = z.number().int()
const followed = {
  windows: count.describe('Windows it has scored, each once'),
  alerts: count,
  paged: count.describe('Of the alerts: those that called somebody'),
  acknowledged: count,
  workOrders: count,
  workOrdersDone: count,
  outcomes: z.object({ confirmed: count, falseAlarm: count, unclear: count, unsaid: count }).describe('Of the alerts, each by what was last said of it'),
}
const actionsSchema = z
  .object({
    site: z.string(),
    family: z.string(),
    model: z.object(named),
    releases: z.array(z.string()).describe('Releases that bind it; `GET /v1/alerts?release=` lists the alerts of one'),
    total: z.object(followed),
    assets: z.array(z.object({ asset: z.string(), firstWindow: z.string().nullable().describe('Event time'), lastWindow: z.string().nullable(), ...followed })),
  })
  .meta({ id: 'ModelActions' })

const releaseSchema = z
  .object({
    id: z.string(),
    site: z.string(),
    family: z.string(),
    number: z.number().int(),
    digest: z.string(),
    model: z.object({ ...named, kind: z.string() }),
    featureSet: z.object(named),
    policy: z.object({ version: z.number().int(), digest: z.string() }),
    createdBy: z.string(),
    createdAt: z.string(),
    inForce: z.array(z.object({ role: z.string(), scope: z.object({ kind: z.string(), id: z.string() }), since: z.string().nullable() }))
      .describe('What it judges now'),
  })
  .meta({ id: 'Release' })
const releaseOf = ({ release, ...view }: ReleaseView) => ({ id: release, ...view })

const driftReportSchema = z
  .object({
    site: z.string(),
    id: z.string(),
    family: z.string(),
    release: z.string().describe('Whose training data was the reference'),
    verdict: z.enum(['drift', 'none', 'insufficient_data']),
    commitNumber: z.number().int(),
    from: z.string().nullable(),
    to: z.string().nullable(),
    drifting: z.array(z.string()).describe('Features that drifted, the largest KS first'),
    features: z.array(z.object({
      feature: z.string(),
      verdict: z.enum(['drift', 'none', 'insufficient_data']),
      referenceRows: z.number().int(),
      rows: z.number().int(),
      ks: z.number().nullable(),
      psi: z.number().nullable(),
      pValue: z.number().nullable(),
      adjustedPValue: z.number().nullable(),
    })),
    thresholds: anyJson,
    retraining: z.string().nullable().describe('Operation of the retraining it started or found under way'),
    createdAt: z.string(),
  })
  .meta({ id: 'DriftReport' })

const reading = { tag: 'Models', method: 'get', right: 'read', scope: 'site' } as const
const writing = { tag: 'Models', method: 'post', scope: 'site' } as const
const versionOf = z.object({ name: slugSchema, version: wholeNumber.min(1).max(2 ** 31 - 1) })
const ofFamily = z.object({ family: slugSchema.optional(), ...pageInput })

export const modelEndpoints = [
  endpoint({
    ...reading, operationId: 'listFeatureSets', path: '/v1/feature-sets', summary: 'Published feature sets, newest first',
    query: ofFamily, answer: pageOf(featureSetViewSchema),
    handle: ({ ctx, actor, site, query }) => listFeatureSets(ctx, actor, { site, ...query }),
  }),
  endpoint({
    ...writing, operationId: 'registerFeatureSet', path: '/v1/feature-sets', right: 'feature-set.write', status: 201,
    summary: 'Publish a version of a feature set', description: 'From then on the family’s windows are measured by it. A published version never changes.',
    body: registerFeatureSetInput.omit({ site: true }).strict(),
    answer: z.object({ name: z.string(), version: z.number().int(), family: z.string(), digest: z.string(), made: z.boolean() }),
    handle: async ({ ctx, actor, site, body }) => {
      const { definition, family, digest, made } = await registerFeatureSet(ctx, actor, { site, ...body })
      return { name: definition.name, version: definition.version, family, digest, made }
    },
  }),
  endpoint({
    ...reading, operationId: 'getFeatureSet', path: '/v1/feature-sets/{name}/versions/{version}', summary: 'One version of a feature set',
    params: versionOf, answer: featureSetViewSchema,
    handle: ({ ctx, actor, site, params }) => getFeatureSet(ctx, actor, { site, ...params }),
  }),
  endpoint({
    ...reading, operationId: 'listDatasets', path: '/v1/datasets', summary: 'Dataset snapshots, newest first',
    query: ofFamily, answer: pageOf(datasetSchema),
    handle: ({ ctx, actor, site, query }) => listDatasets(ctx, actor, { site, ...query }),
  }),
  endpoint({
    ...reading, operationId: 'getDataset', path: '/v1/datasets/{dataset}', summary: 'One snapshot with its manifest',
    params: z.object({ dataset: uuidOf('dataset') }), answer: datasetDetailSchema,
    handle: ({ ctx, actor, site, params }) => getDataset(ctx, actor, { site, id: params.dataset }),
  }),
  endpoint({
    ...reading, operationId: 'listModels', path: '/v1/models', summary: 'Model versions, newest first',
    query: ofFamily.extend({ name: slugSchema.optional() }), answer: pageOf(modelSchema),
    handle: ({ ctx, actor, site, query }) => listModels(ctx, actor, { site, ...query }),
  }),
  endpoint({
    ...writing, operationId: 'registerModelVersion', path: '/v1/models', right: 'model.write', status: 201,
    summary: 'Register a version whose artifact is in the object store', body: registerModelVersionInput.omit({ site: true }).extend({ metrics: jsonFields, runtime: jsonFields }).strict(),
    answer: registeredSchema,
    handle: async ({ ctx, actor, site, body }) => registered(await registerModelVersion(ctx, actor, { site, ...body })),
  }),
  endpoint({
    ...writing, operationId: 'copyModelVersion', path: '/v1/models/copies', right: 'model.write', status: 201,
    summary: 'Take a model version over from another site',
    description: 'With its feature set and calibration: the same artifact, so the same windows get the same scores. Nothing is in force by that: bind it with a policy '
      + 'of this site into a release, and ask for its promotion. Needs `read` at the other site. Repeating it gives the copy that is there.',
    body: copyModelVersionInput.omit({ site: true }).strict(),
    answer: registeredSchema,
    handle: async ({ ctx, actor, site, body }) => registered(await copyModelVersion(ctx, actor, { site, ...body })),
  }),
  endpoint({
    ...reading, operationId: 'getModel', path: '/v1/models/{name}/versions/{version}', summary: 'One version with card, calibration and runtime',
    params: versionOf, answer: modelDetailSchema,
    handle: ({ ctx, actor, site, params }) => getModel(ctx, actor, { site, ...params }),
  }),
  endpoint({
    ...reading, operationId: 'getModelActions', path: '/v1/models/{name}/versions/{version}/actions',
    summary: 'Which machines a version has scored, and what followed: alerts, work orders, outcomes', params: versionOf, answer: actionsSchema,
    handle: ({ ctx, actor, site, params }) => getModelActions(ctx, actor, { site, ...params }),
  }),
  endpoint({
    ...reading, operationId: 'listReleases', path: '/v1/releases', summary: 'Releases, newest first',
    query: ofFamily, answer: pageOf(releaseSchema),
    handle: async ({ ctx, actor, site, query }) => {
      const { items, nextCursor } = await listReleases(ctx, actor, { site, ...query })
      return { items: items.map(releaseOf), nextCursor }
    },
  }),
  endpoint({
    ...writing, operationId: 'createRelease', path: '/v1/releases', right: 'release.write', status: 201,
    summary: 'Bind a model version and a policy into a release', description: 'The same parts give the same release again.',
    body: createReleaseInput.omit({ site: true }).strict(),
    answer: z.object({ id: z.string(), family: z.string(), number: z.number().int(), digest: z.string(), made: z.boolean(), createdAt: z.string() }),
    handle: async ({ ctx, actor, site, body }) => {
      const { releaseId, family, number, digest, made, createdUs } = await createRelease(ctx, actor, { site, ...body })
      return { id: releaseId, family, number, digest, made, createdAt: microsToIso(createdUs) }
    },
  }),
  endpoint({
    ...reading, operationId: 'getRelease', path: '/v1/releases/{release}', summary: 'One release',
    params: z.object({ release: z.string().max(100) }), answer: releaseSchema,
    handle: async ({ ctx, actor, site, params }) => releaseOf(await getRelease(ctx, actor, { site, release: params.release })),
  }),
  endpoint({
    ...reading, operationId: 'listDriftReports', path: '/v1/drift-reports', summary: 'Drift reports, newest first',
    query: ofFamily, answer: pageOf(driftReportSchema),
    handle: ({ ctx, actor, site, query }) => listDriftReports(ctx, actor, { site, ...query }),
  }),
  endpoint({
    ...writing, operationId: 'checkDrift', path: '/v1/drift-reports', right: 'drift.check', status: 202,
    summary: 'Check a family for drift now; the operation tells how it goes', body: checkDriftInput.omit({ site: true }).strict(), answer: operationSchema,
    handle: async ({ ctx, actor, site, body }) => {
      const { operationId } = await checkDrift(ctx, actor, { site, ...body })
      return getOperation(ctx, actor, { site, operation: operationId })
    },
  }),
  endpoint({
    ...reading, operationId: 'getDriftReport', path: '/v1/drift-reports/{report}', summary: 'One report with its verdict on each feature',
    params: z.object({ report: uuidOf('drift report') }), answer: driftReportSchema,
    handle: ({ ctx, actor, site, params }) => getDriftReport(ctx, actor, { site, id: params.report }),
  }),
]
