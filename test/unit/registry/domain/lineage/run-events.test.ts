import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { JudgingFacts, ScoringFacts, TrainingFacts } from '../../../../../registry/domain/lineage/facts.ts'
import { runIdOf } from '../../../../../registry/domain/lineage/run-event.ts'
import { arrivalEvents, judgingEvents, NAMED_BATCHES, scoringEvents, trainingEvents } from '../../../../../registry/domain/lineage/run-events.ts'
import { effort } from '../../../../helpers/effort.ts'
import { checkRuns } from '../../../../helpers/open-lineage.ts'

const slug = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/)
const us = fc.integer({ min: 0, max: 4_000_000_000_000_000 })
const digest = fc.stringMatching(/^[0-9a-f]{64}$/)
const id = fc.oneof(fc.uuid(), fc.string(), fc.stringMatching(/^\d{1,18}$/))
const orNull = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: null })
const version = fc.record({ name: slug, version: fc.integer({ min: 1, max: 1e6 }), digest })
const policy = fc.record({ version: fc.integer({ min: 1 }), digest })
const datasetFacts = fc.record({ id: fc.uuid(), digest, rows: fc.nat() })

const training: fc.Arbitrary<TrainingFacts> = fc.record({
  site: slug, operation: fc.uuid(), family: slug, reason: fc.string(), requestedBy: fc.string(), startUs: us, fromUs: orNull(us), toUs: us,
  end: orNull(fc.record({ state: fc.constantFrom('succeeded', 'failed', 'cancelled'), atUs: us, error: orNull(fc.string()) })),
  sites: fc.array(fc.record({ site: slug, commitNumber: orNull(fc.nat()) }), { minLength: 1, maxLength: 4 }), dataset: orNull(datasetFacts),
  models: fc.array(fc.record({ name: slug, version: fc.integer({ min: 1 }), digest, kind: slug }), { maxLength: 3 }),
})
const judging: fc.Arbitrary<JudgingFacts> = fc.record({
  site: slug, assignment: fc.uuid(), family: slug, role: fc.constantFrom('champion', 'challenger', 'shadow'), scope: fc.record({ kind: fc.constantFrom('family', 'line', 'asset'), id: slug }),
  startUs: us, endUs: orNull(us), release: fc.record({ id: slug, digest }), model: version, featureSet: version, policy, reason: fc.string(), assignedBy: fc.string(), gate: orNull(fc.uuid()),
  decisions: fc.array(fc.record({ actor: fc.string(), roles: fc.array(slug), verdict: fc.constantFrom('approve', 'reject'), evidenceDigest: digest, atUs: us })),
})
const batch = fc.record({ gateway: slug, epoch: fc.stringMatching(/^[0-9a-f]{16}$/), sequence: fc.integer({ min: 1 }), digest, objectKey: fc.string(), commitNumber: fc.nat(), receivedUs: us, committedUs: us })
const scoring: fc.Arbitrary<ScoringFacts> = fc.record({
  site: slug, asset: slug, family: slug,
  score: fc.record({ id: fc.stringMatching(/^[1-9]\d{0,17}$/), score: orNull(fc.double({ noNaN: true, noDefaultInfinity: true })), confidence: orNull(fc.double({ min: 0, max: 1, noNaN: true })), severity: orNull(slug), atUs: us }),
  window: fc.record({ startUs: us, endUs: us, revision: fc.nat(), commitNumber: fc.nat() }),
  tags: fc.array(fc.record({ tag: fc.string(), kind: fc.constantFrom('readings', 'waveforms'), count: fc.nat() })), batches: fc.array(batch, { maxLength: 100 }),
  model: version, featureSet: version, policy, judging: orNull(judging), rescore: orNull(fc.uuid()),
  alerts: fc.uniqueArray(fc.record({
    alert: fc.uuid(), rule: slug, severity: slug, startUs: us, endUs: orNull(us), workOrder: orNull(fc.record({ number: fc.string(), title: fc.string(), state: slug })),
    outcomes: fc.array(fc.record({ by: slug, verdict: slug, failureMode: orNull(slug), atUs: us })),
  }), { maxLength: 3, selector: ({ alert }) => alert }),
})

describe('OpenLineage events', () => {
  it('are what the standard asks for, whatever there is to tell', () => {
    fc.assert(fc.property(training, (run) => { checkRuns(trainingEvents(run)) }), { numRuns: effort(200) })
    fc.assert(fc.property(judging, (run) => { checkRuns(judgingEvents(run)) }), { numRuns: effort(200) })
    fc.assert(fc.property(scoring, (run) => { checkRuns(scoringEvents(run)) }), { numRuns: effort(200) })
    fc.assert(fc.property(fc.record({
      site: slug, family: slug, model: version, by: fc.string(), atUs: us, dataset: datasetFacts, copiedFrom: orNull(fc.record({ site: slug, name: slug, version: fc.nat() })), run: fc.string(),
    }), (facts) => { checkRuns(arrivalEvents(facts)) }), { numRuns: effort(100) })
  })

  it('name each run by the same id whoever tells of it, and no two alike', () => {
    fc.assert(fc.property(slug, slug, id, (site, kind, run) => {
      const made = runIdOf(site, kind, run)
      assert.equal(made, runIdOf(site, kind, run))
      assert.match(made, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    }))
    assert.equal(runIdOf('s', 'train', '6f1e2d3c-0000-4000-8000-000000000001'), '6f1e2d3c-0000-4000-8000-000000000001')
    assert.match(runIdOf('s', 'score', '17'), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.equal(new Set([['a', 'score', '1'], ['b', 'score', '1'], ['a', 'alert', '1'], ['a', 'score', '2']].map(([site, kind, run]) => runIdOf(site!, kind!, run!))).size, 4)
  })

  it('hang together: what judges reads the model version that training made, and an answer the alerts that the score raised', () => {
    fc.assert(fc.property(training, scoring, version, (learned, scored, made) => {
      const site = 'hamburg'
      const from = trainingEvents({ ...learned, site, models: [{ ...made, kind: 'pca' }], end: { state: 'succeeded', atUs: learned.startUs, error: null } }).at(-1)!
      const events = scoringEvents({ ...scored, site, model: made })
      const keys = (sets: readonly { namespace: string; name: string; facets: object }[]) => sets.map(({ namespace, name, facets }) => `${namespace} ${name} ${JSON.stringify(facets)}`)
      const score = events.find(({ job }) => job.name === `score/${scored.asset}`)!
      const model = keys(from.outputs).find((key) => key.includes(` model/${made.name} `))!
      assert.ok(keys(score.inputs).includes(model))
      const names = (sets: readonly { name: string }[]) => sets.map(({ name }) => name)
      const ended = events.filter(({ job, eventType }) => job.name === score.job.name && eventType === 'COMPLETE')
      for (const answer of events.filter(({ job }) => job.name === `answer/${scored.family}`)) assert.ok(names(answer.inputs).every((name) => ended.some(({ outputs }) => names(outputs).includes(name))))
    }), { numRuns: effort(100) })
  })

  it('name the first batches of a gateway and count them all', () => {
    const [facts] = fc.sample(scoring, { numRuns: 1, seed: 1 })
    const batches = Array.from({ length: 100 }, (_, i) => (
      { gateway: 'gw-1', epoch: '00000000000000aa', sequence: i + 1, digest: 'd', objectKey: `o/${i}`, commitNumber: i + 1, receivedUs: 1000 + i, committedUs: 2000 + i }))
    const [start, end] = scoringEvents({ ...facts!, batches, judging: null, alerts: [] })
    assert.deepEqual([start?.eventType, start?.job.name, end?.eventType], ['START', 'ingest/gw-1', 'COMPLETE'])
    const told = end?.inputs[0]?.inputFacets?.['twinward_batches'] as unknown as { count: number; named: { sequence: number; object: string }[] }
    assert.deepEqual([told.count, told.named.length, told.named[0]?.sequence, told.named[0]?.object], [100, NAMED_BATCHES, 1, 'o/0'])
    assert.deepEqual([start?.eventTime, end?.eventTime], ['1970-01-01T00:00:00.001Z', '1970-01-01T00:00:00.002099Z'])
  })

  it('say of a failed run why, and of a cancelled one that it was', () => {
    const [facts] = fc.sample(training, { numRuns: 1, seed: 2 })
    const ended = (state: 'failed' | 'cancelled', error: string | null) => trainingEvents({ ...facts!, startUs: 1, end: { state, atUs: 2, error } }).at(-1)!
    assert.equal(ended('failed', 'too few windows').eventType, 'FAIL')
    assert.equal(ended('failed', 'too few windows').run.facets['errorMessage']?.['message'], 'too few windows')
    assert.equal(ended('cancelled', null).eventType, 'ABORT')
    assert.deepEqual(trainingEvents({ ...facts!, end: null }).map(({ eventType }) => eventType), ['START'])
  })
})
