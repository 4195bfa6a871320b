import assert from 'node:assert/strict'
import { z } from 'zod'

/** What OpenLineage 2-0-2 and the facets of it that are used ask of an event, in our own words, and stricter: a key that nobody knows is a slip. */
const uri = z.string().regex(/^[a-z][a-z0-9+.-]*:\S+$/i)
const instant = z.iso.datetime({ offset: true })
const base = { _producer: uri, _schemaURL: uri }
const schemaOf = (name: string) => z.string().regex(new RegExp(`^https://openlineage\\.io/spec/facets/\\d+-\\d+-\\d+/${name}\\.json#/\\$defs/${name}$`))
const known = (name: string, content: z.ZodRawShape) => z.strictObject({ _producer: uri, _schemaURL: schemaOf(name), ...content })
/** Custom facets have the project's prefix, and any content. */
const facets = (standard: Record<string, z.ZodType> = {}) => z.record(z.string(), z.looseObject(base)).superRefine((given, context) => {
  for (const [key, value] of Object.entries(given)) {
    const schema = standard[key]
    if (schema === undefined) {
      if (!/^twinward_[a-z][A-Za-z]*$/.test(key)) context.addIssue({ code: 'custom', message: `${key} is no facet of this place`, path: [key] })
      continue
    }
    for (const issue of schema.safeParse(value).error?.issues ?? []) context.addIssue({ code: 'custom', message: issue.message, path: [key, ...issue.path] })
  }
})
// Marquez takes no others in names of namespaces, datasets and jobs.
const name = z.string().regex(/^[A-Za-z0-9:/_\-.@+]{1,255}$/)
const datasetFacets = facets({ version: known('DatasetVersionDatasetFacet', { datasetVersion: z.string() }) })
const dataset = { namespace: name, name, facets: datasetFacets }
const job = z.strictObject({ namespace: name, name })

const runEventSchema = z.strictObject({
  eventType: z.enum(['START', 'RUNNING', 'COMPLETE', 'ABORT', 'FAIL', 'OTHER']),
  eventTime: instant,
  run: z.strictObject({
    runId: z.uuid(),
    facets: facets({
      nominalTime: known('NominalTimeRunFacet', { nominalStartTime: instant, nominalEndTime: instant }),
      errorMessage: known('ErrorMessageRunFacet', { message: z.string(), programmingLanguage: z.string() }),
      parent: known('ParentRunFacet', { run: z.strictObject({ runId: z.uuid() }), job }),
    }),
  }),
  job: job.extend({
    facets: facets({
      jobType: known('JobTypeJobFacet', { processingType: z.enum(['BATCH', 'STREAMING']), integration: z.string(), jobType: z.string() }),
      documentation: known('DocumentationJobFacet', { description: z.string(), contentType: z.string() }),
    }),
  }),
  inputs: z.array(z.strictObject({ ...dataset, inputFacets: facets().optional() })),
  outputs: z.array(z.strictObject({ ...dataset, outputFacets: facets({ outputStatistics: known('OutputStatisticsOutputDatasetFacet', { rowCount: z.int() }) }).optional() })),
  producer: uri,
  schemaURL: z.literal('https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent'),
})
export type CheckedEvent = z.infer<typeof runEventSchema>

/** The event, having been through JSON; fails by what the standard would refuse. */
export function checkRunEvent(event: unknown): CheckedEvent {
  const { success, data, error } = runEventSchema.safeParse(JSON.parse(JSON.stringify(event)))
  assert.ok(success, `${z.prettifyError(error ?? new z.ZodError([]))}\n${JSON.stringify(event)}`)
  return data
}

/** Runs as the standard has them: each begins once, ends at most once, and not before it began. */
export function checkRuns(events: readonly unknown[]): CheckedEvent[] {
  const checked = events.map(checkRunEvent)
  for (const { run: { runId } } of checked) {
    const own = checked.filter(({ run }) => run.runId === runId)
    assert.deepEqual(own.map(({ eventType }) => eventType === 'START'), own.map((_, i) => i === 0), runId)
    assert.ok(own.length <= 2 && new Set(own.map(({ job }) => job.name)).size === 1, runId)
    assert.ok(own.every(({ eventTime }) => Date.parse(eventTime) >= Date.parse(own[0]!.eventTime)), runId)
  }
  return checked
}
