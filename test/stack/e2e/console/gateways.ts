import assert from 'node:assert/strict'
import { site, type Stage } from './stage.ts'

/** The boxes of the plant: looked at, an alarm of one seen to, a token made for one, and one shut out. */
export async function tendGateways({ on, page, visit, picture, cutOff, overflow, signIn, signOut }: Stage): Promise<void> {
  await startUpdate(on)
  await signOut()
  await signIn(on.adminKey)
  await page.getByRole('heading', { level: 1, name: 'Fleet' }).waitFor()
  for (const width of [390, 1280]) {
    await page.setViewportSize({ width, height: 844 })
    await visit('/gateways', 'Gateways')
    await page.getByRole('table', { name: 'Gateways' }).getByRole('link', { name: 'gw-1', exact: true }).waitFor()
    await picture(`gateways-${width}`)
    assert.deepEqual([await overflow(), await cutOff()], [0, []])
    await page.getByRole('table', { name: 'Gateways' }).getByRole('link', { name: 'gw-1', exact: true }).click()
    await page.getByRole('table', { name: 'Local alarms' }).getByText('The motor is hot').waitFor()
    await page.getByRole('table', { name: 'What judges there' }).getByText('pump-1').waitFor()
    await picture(`gateway-${width}`)
    assert.deepEqual([await overflow(), await cutOff()], [0, []])
  }
  await page.getByRole('button', { name: 'See to it' }).dblclick()
  await page.getByText('the box is told').waitFor()
  const orders = await on.sql<{ body: { alarm: string } }>("select body from gateway_command where kind = 'acknowledge'")
  assert.equal(orders.length, 1, 'once, however often it was clicked')
  await page.getByRole('button', { name: 'Make a token to enrol it' }).click()
  await page.getByText('is shown this once').waitFor()
  await page.getByLabel('Tags').fill('mill-1/vibration')
  await page.getByLabel('From (UTC)').fill('2026-01-01T00:00')
  await page.getByLabel('To (UTC)').fill('2026-01-02T00:00')
  for (const width of [390, 1280]) {
    await page.setViewportSize({ width, height: 844 })
    await picture(`gateway-recall-${width}`)
    assert.deepEqual([await overflow(), await cutOff()], [0, []])
  }
  await page.getByRole('button', { name: 'Recall', exact: true }).click()
  await page.getByRole('table', { name: 'Recalls' }).getByText('waits for its next report').waitFor()
  await page.getByRole('button', { name: 'Shut it out…' }).click()
  assert.ok(await page.getByRole('button', { name: 'Shut it out now' }).isDisabled(), 'why comes first')
  await page.getByLabel('Why').fill('the box was stolen')
  await picture('gateway-shut-out')
  await page.getByRole('button', { name: 'Shut it out now' }).click()
  await page.getByText('shut out', { exact: true }).first().waitFor()
  await visit('/twins/works/mill-1', /mill-1/i)
  await page.getByRole('table', { name: 'Local alarms' }).getByText('The motor is hot').waitFor()
  assert.deepEqual([await overflow(), await cutOff()], [0, []])
  await visit('/gateways', 'Gateways')
  await page.getByLabel('Site').fill(site)
  await page.getByLabel('Name').fill('gw-new')
  await page.getByRole('button', { name: 'Make a token' }).click()
  await page.getByText(/^twinward-enrol:.*gw-new/).waitFor()
  for (const width of [390, 1280]) {
    await page.setViewportSize({ width, height: 844 })
    await picture(`gateways-enrol-${width}`)
    assert.deepEqual([await overflow(), await cutOff()], [0, []])
  }
  await page.getByRole('button', { name: 'Stop this update…' }).click()
  assert.ok(await page.getByRole('button', { name: 'Stop it now' }).isDisabled(), 'why comes first')
  await page.getByLabel('Why').fill('the scale of a tag is wrong with it')
  for (const width of [390, 1280]) {
    await page.setViewportSize({ width, height: 844 })
    await picture(`gateways-stop-update-${width}`)
    assert.deepEqual([await overflow(), await cutOff()], [0, []])
  }
  await page.getByRole('button', { name: 'Stop it now' }).click()
  await page.getByText('stopped', { exact: true }).first().waitFor()
  assert.deepEqual(await on.sql('select state, ended_because from gateway_update'), [{ state: 'stopped', ended_because: 'the scale of a tag is wrong with it' }])
}

/** An update under way, as the store has it: how one begins and goes on is tested with real gateways elsewhere. */
async function startUpdate(on: Stage['on']): Promise<void> {
  const [update] = await on.sql<{ id: string }>(
    `insert into gateway_update (site_id, version, program, file_digest, file_bytes, file_key, state, stage, stage_since, settle_seconds, within_seconds, reason, started_by, started_at)
     values ($1, '0.4.0', '0.4.0-1a2b3c4d', repeat('ab', 32), 8000000, 'updates/x.twu', 'running', 0, now(), 600, 86400, 'OPC UA reconnects', 'admin', now()) returning update_id as id`, [site])
  await on.sql(
    `insert into gateway_update_target (update_id, site_id, gateway_id, stage, state, ordered_at, detail)
     values ($1, $2, 'gw-1', 0, 'ordered', now(), null), ($1, $2, 'gw-2', 1, 'waiting', null, null)`, [update!.id, site])
}
