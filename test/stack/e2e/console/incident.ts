import assert from 'node:assert/strict'
import { site, type Stage } from './stage.ts'

/** A chunk changed by hand: found by a replay, seen on every page, taken in hand, put back, replayed, closed. */
export async function answerIncident({ on, page, people, visit, picture, cutOff, overflow }: Stage): Promise<void> {
  // Done twice it is undone, to the bit.
  const change = () => on.sql("update reading_chunk set vals[3] = -vals[3] where tag_ref = (select tag_ref from tag where tag_key = 'mill-1/vibration')")
  const replay = () => people.rita.post<{ class: string; incidents: { id: string }[] }>('/v1/assets/mill-1/replay', { from: '2020-01-01T00:00:00Z', to: new Date().toISOString() }, { site })
  await visit('/incidents', 'Incidents')
  await page.getByText('No open incident').waitFor()
  await change()
  const { class: outcome, incidents: [incident] } = await replay()
  assert.equal(outcome, 'failed')
  assert.ok(incident)

  for (const width of [390, 1280]) {
    await page.setViewportSize({ width, height: 844 })
    await visit('/', 'Fleet')
    await page.locator('.banners').getByText(/said of mill-1 does not replay: feature .*Nobody has it in hand/).waitFor()
    assert.equal(await page.getByText('Nothing needs you now').count(), 0)
    await picture(`incident-fleet-${width}`)
    assert.equal(await overflow(), 0)
    await page.getByRole('navigation').getByRole('link', { name: 'Incidents' }).click()
    await page.getByRole('table', { name: 'Incidents' }).waitFor()
    await picture(`incidents-${width}`)
    assert.deepEqual([await overflow(), await cutOff()], [0, []])
    await page.getByRole('table', { name: 'Incidents' }).getByRole('link').click()
    await page.getByRole('table', { name: 'Windows that show it' }).waitFor()
    await page.locator('.lineage .node').first().waitFor()
    assert.equal(await page.locator('.banners').count(), 0, 'not beside itself')
    const text = await page.locator('main').innerText()
    for (const expected of [/open/, /What differs: feature [^]*Stored[^]*Recomputed[^]*score \d+/, /by a replay of rita/, /of nobody yet/, /mill-1[^]*feature [^]*failed/]) assert.match(text, expected)
    await picture(`incident-${width}`)
    assert.deepEqual([await overflow(), await cutOff()], [0, []])
  }

  await page.getByRole('button', { name: 'Replay it again' }).click()
  await page.getByText('It failed still').waitFor()
  await page.getByRole('button', { name: 'I have it in hand' }).click()
  await page.getByText(/In hand\s*rita/).waitFor()
  await change()
  assert.notEqual((await replay()).class, 'failed')
  await page.getByText(/[Ii]ts windows? came out well when last replayed/).waitFor()
  await picture('incident-good-again')
  await visit('/', 'Fleet')
  assert.equal(await page.locator('.banners').count(), 0, 'somebody has it in hand')
  await page.getByRole('navigation').getByRole('link', { name: /^Incidents\s*1/ }).click()
  await page.getByRole('table', { name: 'Incidents' }).getByText('good when last replayed').waitFor()
  await picture('incidents-good-again')
  await page.getByRole('table', { name: 'Incidents' }).getByRole('link').click()
  await page.getByLabel('What was found').waitFor()
  assert.ok(await page.getByRole('button', { name: 'Close' }).isDisabled(), 'what was found comes first')
  await page.getByLabel('What was found').fill('a script changed a chunk; put back from a backup')
  await page.getByRole('button', { name: 'Close' }).dblclick()
  await page.getByText(/Closed\s*rita, .*a script changed a chunk/).waitFor()
  await picture('incident-closed')
  const { state } = await people.rita.get<{ state: string }>(`/v1/incidents/${incident.id}`, { site })
  assert.equal(state, 'closed')
}
