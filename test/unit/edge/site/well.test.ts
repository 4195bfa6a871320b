import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunningSite } from '../../../../edge/site/run-site.ts'
import { whyNotWell } from '../../../../edge/site/well.ts'

interface Looks { keeping?: boolean; connected?: boolean; lastError?: string | null; plc?: string; detail?: string | null }
/** A gateway as far as it is looked at. */
const site = ({ keeping = true, connected = true, lastError = null, plc = 'ok', detail = null }: Looks) => ({
  figures: () => ({ keeping, uplink: { connected, lastError } }), status: () => ({ connectors: [{ id: 'plc', state: plc, detail }] }),
}) as unknown as RunningSite

test('well: readings reach the disk, sources have started, connected or it is known why not', () => {
  assert.equal(whyNotWell(site({}), 0), null)
  assert.match(whyNotWell(undefined, 0) ?? '', /does not run/)
  assert.match(whyNotWell(site({ keeping: false }), 0) ?? '', /do not reach the disk/)
  assert.match(whyNotWell(site({ plc: 'starting' }), 0) ?? '', /plc has not started/)
  assert.equal(whyNotWell(site({ plc: 'starting' }), 60_000), null, 'a device may take as long as it likes')
  assert.match(whyNotWell(site({ connected: false }), 0) ?? '', /no reason known/)
  assert.equal(whyNotWell(site({ connected: false, lastError: 'ECONNREFUSED' }), 0), null)
  assert.equal(whyNotWell(site({ plc: 'down' }), 0), null, 'a machine that is off is no fault of a program')
})

test('what there was before has to be again: a connection, and each source that worked', () => {
  const before = { connected: true, worked: ['plc', 'gone'] }
  assert.equal(whyNotWell(site({}), 0, before), null)
  assert.match(whyNotWell(site({ connected: false, lastError: 'ECONNREFUSED' }), 0, before) ?? '', /no connection to the platform, which there was before \(ECONNREFUSED\)/)
  assert.match(whyNotWell(site({ plc: 'down', detail: 'no answer from 10.0.0.8:502' }), 0, before) ?? '', /plc worked before, and does not with it: no answer from 10\.0\.0\.8:502/)
  assert.equal(whyNotWell(site({ plc: 'down' }), 0, { connected: true, worked: [] }), null)
})
