import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { answerIncident, incidentText, troubleOf, type Answered, type IncidentAnswer } from '../../../../../registry/domain/incidents/incident.ts'

const failed = { asset: 'pump-1', release: 'pumps-r4', comparison: 'exact', what: 'feature vibration_mean' } as const

test('what is stored of one machine is one trouble, whatever differs first', () => {
  for (const what of ['feature vibration_mean', 'feature temperature_std', 'score', 'confidence', 'decision', 'state of the rules before the window']) {
    assert.deepEqual(troubleOf({ ...failed, what }), { cause: 'release/pumps-r4/asset/pump-1', ofRelease: false })
  }
  assert.notEqual(troubleOf({ ...failed, asset: 'pump-2' }).cause, troubleOf(failed).cause)
  assert.notEqual(troubleOf({ ...failed, release: 'pumps-r5' }).cause, troubleOf(failed).cause)
})

test('a model or feature set that is not what was registered is one trouble of the release, and so is another runtime', () => {
  for (const asset of ['pump-1', 'pump-2']) {
    for (const comparison of ['exact', 'equivalent'] as const) {
      for (const what of ['model', 'feature set']) assert.deepEqual(troubleOf({ ...failed, asset, comparison, what }), { cause: 'release/pumps-r4', ofRelease: true })
    }
    for (const what of ['score', 'confidence']) assert.deepEqual(troubleOf({ ...failed, asset, comparison: 'equivalent', what }), { cause: 'release/pumps-r4/runtime', ofRelease: true })
    assert.equal(troubleOf({ ...failed, asset, comparison: 'equivalent' }).ofRelease, false, 'features are computed without the model')
  }
})

test('each is told in one sentence', () => {
  assert.equal(incidentText(failed), 'What pumps-r4 said of pump-1 does not replay: feature vibration_mean comes out otherwise')
  assert.equal(incidentText({ ...failed, asset: null, what: 'model' }), 'What pumps-r4 said does not replay: its model is not what was registered')
  assert.equal(incidentText({ ...failed, asset: null, what: 'model', comparison: 'equivalent' }), 'What pumps-r4 said does not replay: its model is not what was registered')
  assert.match(incidentText({ ...failed, asset: null, what: 'score', comparison: 'equivalent' }), /in the runtime of now: score leaves the model’s tolerance$/)
})

test('whatever people answer in whatever order, it is closed once, by the first who says what was found, and never opens again', () => {
  const answers = fc.array(fc.record({ to: fc.constantFrom('acknowledged' as const, 'closed' as const), by: fc.constantFrom('mia', 'rita'), comment: fc.constantFrom('a clock', 'a cable') }))
  fc.assert(fc.property(answers, (given) => {
    let incident: Answered = { state: 'open', closed: null }
    const changes: IncidentAnswer['to'][] = []
    for (const answer of given) {
      const result = answerIncident(incident, answer)
      const same = incident.closed?.by === answer.by && incident.closed.comment === answer.comment && answer.to === 'closed'
      assert.equal(result.ok, incident.closed === null || same)
      if (!result.ok) { assert.match(result.message, new RegExp(`closed by ${incident.closed?.by} at then: ${incident.closed?.comment}`)); continue }
      if (result.change === null) continue
      changes.push(result.change)
      incident = { state: result.change, closed: result.change === 'closed' ? { by: answer.by, at: 'then', comment: answer.comment } : null }
    }
    assert.ok(['', 'acknowledged', 'closed', 'acknowledged,closed'].includes(changes.join()), changes.join())
    const first = given.find(({ to }) => to === 'closed')
    assert.deepEqual(incident.closed, first === undefined ? null : { by: first.by, at: 'then', comment: first.comment })
  }))
})
