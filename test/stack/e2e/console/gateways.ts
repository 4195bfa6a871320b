import assert from 'node:assert/strict'
import type { Stage } from './stage.ts'

/** The boxes of the plant: looked at, an alarm of one seen to, a token made for one, and one shut out. */
export async function tendGateways({ on, page, visit, picture, cutOff, overflow, signIn, signOut }: Stage): Promise<void> {
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
  await page.getByRole('button', { name: 'Shut it out…' }).click()
  assert.ok(await page.getByRole('button', { name: 'Shut it out now' }).isDisabled(), 'why comes first')
  await page.getByLabel('Why').fill('the box was stolen')
  await picture('gateway-shut-out')
  await page.getByRole('button', { name: 'Shut it out now' }).click()
  await page.getByText('shut out', { exact: true }).first().waitFor()
  await visit('/twins/works/mill-1', /mill-1/i)
  await page.getByRole('table', { name: 'Local alarms' }).getByText('The motor is hot').waitFor()
  assert.deepEqual([await overflow(), await cutOff()], [0, []])
}
