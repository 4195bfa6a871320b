import assert from 'node:assert/strict'
import { test } from 'node:test'
import { progressText, resultText, stateText } from '../../../../api/console/client/text/operations.ts'

test('an operation says how far it is, that it waits, and what came of it', () => {
  const progress = { windows: { done: 500, all: 1200 }, assets: { done: 1, all: 2 }, written: 498 }
  assert.equal(progressText({ progress }), '500 of 1200 windows, 1 of 2 machines')
  assert.equal(progressText({ progress: { step: 'fitting' } }), 'fitting')
  assert.equal(progressText({ progress: {} }), 'has not begun')
  assert.equal(stateText({ state: 'running', paused: { by: 'rita', at: '' } }), 'paused by rita')
  assert.equal(stateText({ state: 'running', paused: null }), 'running')
  assert.equal(resultText({ kind: 'rescore', state: 'succeeded', progress, result: { releases: ['pumps-r2'] } }), '498 revisions written, judged by pumps-r2')
  assert.equal(resultText({ kind: 'rescore', state: 'cancelled', progress, result: null }), '498 revisions written', 'what a cancelled one wrote stays')
  assert.equal(resultText({ kind: 'retrain-model', state: 'succeeded', progress: {}, result: { chosen: 'pumps@3' } }), 'pumps@3')
  assert.equal(resultText({ kind: 'check-drift', state: 'succeeded', progress: {}, result: { verdict: 'insufficient_data' } }), 'drift: insufficient data')
  assert.equal(resultText({ kind: 'retrain-model', state: 'cancelled', progress: {}, result: null }), 'cancelled')
})
