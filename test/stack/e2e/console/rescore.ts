import assert from 'node:assert/strict'
import pg from 'pg'
import { millFamily } from '../../../helpers/mill.ts'
import { site, type Stage } from './stage.ts'

/** From the policy in force back to the one before with a rescore, and what the page of operations says of one that is held up. */
export async function rollBackWithRescore({ on, page, people, visit, picture }: Stage): Promise<void> {
  await visit(`/policies/${site}/${millFamily}`, `Policy of ${millFamily}`)
  await page.getByText(/^Roll back mills-r/).click()
  await page.getByLabel('Why').fill('It was none.')
  await page.getByRole('button', { name: 'Roll back' }).click()
  await page.getByText(/is in force again instead of/).waitFor()
  await page.getByRole('status').getByRole('link', { name: 'operations' }).click()
  await page.getByRole('heading', { level: 1, name: 'Operations' }).waitFor()
  const row = page.getByRole('table', { name: 'Operations' }).getByRole('row').nth(1)
  await row.getByText('succeeded').waitFor()
  assert.match(await row.innerText(), /Rescore[^]*rita/)

  // Whoever holds the machines' lanes holds up a rescore in the middle of its first slice.
  const lanes = new pg.Client({ connectionString: on.platform.connections.database.migrationUrl })
  await lanes.connect()
  await lanes.query('begin')
  await lanes.query('lock table asset_lane in exclusive mode')
  await people.rita.post('/v1/operations', { kind: 'rescore', family: millFamily, from: '2020-01-01T00:00:00Z', reason: 'a wrong level' }, { site })
  await row.getByRole('progressbar').waitFor()
  assert.match(await row.innerText(), /Rescore[^]*0 of \d+ windows, 0 of 2 machines[^]*at mill-1, mill-2/)
  await row.getByRole('button', { name: 'Pause' }).click()
  await row.getByText('paused by rita').waitFor()
  await picture('operations')
  await row.getByRole('button', { name: 'Resume' }).click()
  await row.getByRole('button', { name: 'Pause' }).waitFor()
  assert.equal(await row.getByRole('button', { name: 'Cancel' }).count(), 1)
  await lanes.query('rollback')
  await lanes.end()
  await row.getByText('succeeded').waitFor()
  await row.getByRole('link', { name: 'Rescore' }).click()
  await page.getByText('what was in force when it was asked for').waitFor()
  assert.match(await page.locator('main').innerText(), new RegExp(`family ${millFamily}[^]*a wrong level`))
  await picture('operation')
  await page.goBack()
  assert.match(await row.innerText(), /\d+ revisions written, judged by mills-r/)
}
