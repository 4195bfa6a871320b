import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gatewayReportExample } from '../../../../../registry/domain/contract/gateway-report.ts'
import { gatewayState, SILENT_AFTER_US, type GatewayFacts } from '../../../../../registry/domain/twin/gateway-state.ts'

const NOW = 1_772_366_401_000_000
const well: GatewayFacts = { status: { ...gatewayReportExample.status, state: 'ok', problems: [] }, reportedUs: NOW - 1_000_000, arrivalSkewUs: null, shutOut: false, access: [] }
const stateOf = (facts: Partial<GatewayFacts>) => gatewayState({ ...well, ...facts }, NOW)

test('a gateway is as it says, unless it cannot know: silent, its clock off, there twice, shut out', () => {
  assert.deepEqual([stateOf({}).state, stateOf({}).problems], ['ok', []])
  assert.equal(stateOf({ status: { ...gatewayReportExample.status, state: 'degraded' } }).state, 'degraded')
  assert.equal(stateOf({ reportedUs: NOW - SILENT_AFTER_US - 1 }).state, 'silent')
  assert.equal(stateOf({ status: null, reportedUs: null }).state, 'unknown')
  assert.equal(stateOf({ status: { ...gatewayReportExample.status, state: 'ok', problems: [], clock: { ...gatewayReportExample.status.clock, skewUs: 9_000_000 } } }).state, 'degraded')
  const copied = stateOf({ access: ['it is there twice'] })
  assert.deepEqual([copied.state, copied.problems], ['degraded', ['it is there twice']])
  assert.equal(stateOf({ status: null, reportedUs: null, access: ['turned away'] }).state, 'degraded')
  assert.equal(stateOf({ shutOut: true, access: ['shut out by ada'] }).state, 'shut-out')
  assert.equal(stateOf({ shutOut: true, access: ['shut out by ada'], reportedUs: NOW - SILENT_AFTER_US - 1 }).state, 'shut-out', 'it counts before all else')
})
