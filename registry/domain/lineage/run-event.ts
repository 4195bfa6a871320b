import { canonicalDigest } from '../canonical.ts'
import { microsToIso } from '../contract/time.ts'

/**
 * Events of OpenLineage 2-0-2, <https://openlineage.io/spec/2-0-2/OpenLineage.json>: a run of a job, what it read and what
 * it made. Every name is unique within its namespace; a site is one.
 */
export interface RunEvent {
  readonly eventType: 'START' | 'COMPLETE' | 'FAIL' | 'ABORT'
  /** RFC 3339. */
  readonly eventTime: string
  readonly run: { readonly runId: string; readonly facets: Facets }
  readonly job: { readonly namespace: string; readonly name: string; readonly facets: Facets }
  readonly inputs: readonly InputDataset[]
  readonly outputs: readonly OutputDataset[]
  readonly producer: string
  readonly schemaURL: string
}

export interface InputDataset { readonly namespace: string; readonly name: string; readonly facets: Facets; readonly inputFacets?: Facets }
export interface OutputDataset { readonly namespace: string; readonly name: string; readonly facets: Facets; readonly outputFacets?: Facets }
export type Facet = Readonly<Record<string, unknown>> & { readonly _producer: string; readonly _schemaURL: string }
export type Facets = Readonly<Record<string, Facet>>

/** Who says so: this mapping, by its version. */
const PRODUCER = 'urn:twinward:open-lineage:1'
const CORE = 'https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/'
const standard = (file: string, definition: string): string => `https://openlineage.io/spec/facets/${file}/${definition}.json#/$defs/${definition}`

const facet = (schema: string, content: Readonly<Record<string, unknown>>): Facet => ({ ...content, _producer: PRODUCER, _schemaURL: schema })

/** The facets of the standard that are used here, at the versions they have in 2-0-2. */
export const facets = {
  /** Event time that a run is about; the end is exclusive. */
  nominalTime: (startUs: number, endUs: number): Facets => ({
    nominalTime: facet(standard('1-0-1', 'NominalTimeRunFacet'), { nominalStartTime: microsToIso(startUs), nominalEndTime: microsToIso(endUs) }),
  }),
  errorMessage: (message: string): Facets => ({ errorMessage: facet(standard('1-0-1', 'ErrorMessageRunFacet'), { message, programmingLanguage: 'TYPESCRIPT' }) }),
  parent: (run: Pick<RunOfJob, 'runId' | 'site' | 'job'>): Facets => ({
    parent: facet(standard('1-2-0', 'ParentRunFacet'), { run: { runId: run.runId }, job: { namespace: namespaceOf(run.site), name: run.job } }),
  }),
  version: (datasetVersion: string): Facets => ({ version: facet(standard('1-0-1', 'DatasetVersionDatasetFacet'), { datasetVersion }) }),
  outputStatistics: (rowCount: number): Facets => ({ outputStatistics: facet(standard('1-0-2', 'OutputStatisticsOutputDatasetFacet'), { rowCount }) }),
} as const

/** Facets of our own: any consumer may keep them, none needs them. The schema they name is the one that all facets keep. */
export const ownFacet = (of: 'Run' | 'Dataset' | 'InputDataset' | 'OutputDataset', name: string, content: Readonly<Record<string, unknown>>): Facets =>
  ({ [`twinward_${name}`]: facet(`${CORE}${of}Facet`, content) })

export const namespaceOf = (site: string): string => `twinward://${site}`
export const dataset = (site: string, name: string, given: Facets = {}): { namespace: string; name: string; facets: Facets } => ({ namespace: namespaceOf(site), name, facets: given })

export interface RunOfJob {
  readonly runId: string
  readonly site: string
  readonly job: string
  readonly description: string
  /** `STREAMING`: it goes on until another takes its place. */
  readonly processing: 'BATCH' | 'STREAMING'
  readonly kind: string
  readonly facets: Facets
  readonly startUs: number
  /** null while it goes on. */
  readonly end: { readonly type: 'COMPLETE' | 'FAIL' | 'ABORT'; readonly atUs: number; readonly facets?: Facets } | null
  readonly inputs: readonly InputDataset[]
  readonly outputs: readonly OutputDataset[]
}

/** A run as its events: one for its start, and one for its end once it has ended. What it made is told with the end, and as long as there is none, with the start. */
export function eventsOf(run: RunOfJob): RunEvent[] {
  const event = (eventType: RunEvent['eventType'], atUs: number, outputs: readonly OutputDataset[], more: Facets = {}): RunEvent => ({
    eventType, eventTime: microsToIso(atUs),
    run: { runId: run.runId, facets: { ...run.facets, ...more } },
    job: {
      namespace: namespaceOf(run.site), name: run.job,
      facets: {
        jobType: facet(standard('2-0-4', 'JobTypeJobFacet'), { processingType: run.processing, integration: 'TWINWARD', jobType: run.kind }),
        documentation: facet(standard('1-1-0', 'DocumentationJobFacet'), { description: run.description, contentType: 'text/plain' }),
      },
    },
    inputs: run.inputs, outputs, producer: PRODUCER, schemaURL: `${CORE}RunEvent`,
  })
  const started = event('START', run.startUs, run.end === null || run.processing === 'STREAMING' ? run.outputs : [])
  return run.end === null ? [started] : [started, event(run.end.type, Math.max(run.startUs, run.end.atUs), run.outputs, run.end.facets)]
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** The id as it is where it is a UUID, else a UUID made of it (RFC 9562, version 8): the same parts are the same run, whoever tells of it. */
export function runIdOf(site: string, kind: string, id: string): string {
  if (UUID.test(id)) return id
  const hex = canonicalDigest(['twinward.run', site, kind, id])
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
