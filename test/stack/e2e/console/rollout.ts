import assert from 'node:assert/strict'
import { waitFor } from '../../../../infra/demo/wait.ts'
import { appoint, millFamily, millPolicy } from '../../../helpers/mill.ts'
import { deadlines, site, type Stage } from './stage.ts'

interface Rollout { stage: string; state: string; checks: { stage: string }[] }

/** Has a release begin its way into force, as far as the canary, its guards having looked there; gives the rollout. */
export async function beginRollout({ people }: Stage): Promise<string> {
  const [current] = (await people.mia.get<{ items: { model: { name: string; version: number } }[] }>('/v1/releases', { site })).items
  assert.ok(current)
  await people.mia.post('/v1/policies', { family: millFamily, definition: millPolicy(9, deadlines) }, { site })
  const { id: release } = await people.mia.post<{ id: string }>('/v1/releases', { model: { name: current.model.name, version: current.model.version }, policyVersion: 9 }, { site })
  const { gate } = await people.mia.post<{ gate: string }>('/v1/gates', {
    release, reason: 'Calmer at night',
    rollout: { shadow: { dwellSeconds: 2, minWindows: 0 }, canary: { dwellSeconds: 7200, slice: { assets: ['mill-2'] } }, champion: { dwellSeconds: 86_400 }, checkEverySeconds: 1 },
  }, { site })
  await appoint(people, site, gate)
  await waitFor('the canary', async () => {
    const { stage, checks } = await people.mia.get<Rollout>(`/v1/rollouts/${gate}`, { site })
    return stage === 'canary' && checks.some((check) => check.stage === 'canary') ? true : undefined
  })
  return gate
}

/** From the list of gates to the rollout, and the way back by a click. */
export async function followRollout({ page, people, visit, picture, cutOff, overflow }: Stage, rollout: string): Promise<void> {
  await visit(`/twins/${site}/mill-2`, 'mill-2')
  await page.getByRole('link', { name: 'canary of its rollout' }).click()
  await page.getByText('judges a slice of the machines').waitFor()
  await visit('/gates', 'Gates')
  const running = page.getByRole('region', { name: 'On their way into force' })
  assert.match(await running.innerText(), /canary[^]*at canary since/)
  await picture('gates-with-rollout')
  await running.getByRole('link').click()
  await page.getByText('judges a slice of the machines').waitFor()
  for (const width of [390, 1280]) {
    await page.setViewportSize({ width, height: 844 })
    await page.getByText('within its limit').first().waitFor()
    const text = await page.locator('main').innerText()
    for (const expected of [/shadow[^]*scores beside the champion[^]*canary[^]*1 machine[^]*champion[^]*watched for 1 d/, /Alerts[^]*at most 3/, /Latency[^]*at most 60/]) assert.match(text, expected)
    await picture(`rollout-${width}`)
    assert.equal(await overflow(), 0)
    assert.deepEqual(await cutOff(), [])
  }
  assert.ok(await page.getByRole('button', { name: 'Stop and take it back' }).isDisabled(), 'a reason comes first')
  await page.getByLabel('Reason').fill('the floor shakes')
  await page.getByRole('button', { name: 'Stop and take it back' }).dblclick()
  await page.getByText('Stopped at canary by rita').waitFor()
  assert.match(await page.getByRole('region', { name: 'How it ended' }).innerText(), /the floor shakes/)
  await picture('rollout-stopped')
  assert.equal((await people.mia.get<Rollout>(`/v1/rollouts/${rollout}`, { site })).state, 'stopped')
  await visit('/rollouts', 'Rollouts')
  assert.match(await page.getByRole('table', { name: 'Rollouts' }).innerText(), /stopped[^]*the floor shakes/)
  await picture('rollouts')
  await page.getByRole('table', { name: 'Rollouts' }).getByRole('link').first().click()
  await page.getByRole('link', { name: 'its gate' }).click()
  await page.getByText('step by step: it scores beside the champion for 2 s; then judges mill-2 for 2 h; then judges all, watched for 1 d').waitFor()
}
