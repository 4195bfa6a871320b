import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import type { AlarmRule } from '../../../edge/alarms/rule.ts'
import { createBundleStore } from '../../../edge/judge/bundle-store.ts'
import { judgeFolder, placeOf } from '../../../edge/site/judging.ts'
import { createHealthKeeper } from '../../../edge/site/health-server.ts'
import { waitFor } from '../../../infra/demo/wait.ts'
import { freePort } from '../../../infra/dev/ports.ts'
import { findChromium, openBrowser } from '../../helpers/browser.ts'
import { bundleFeatureSet, makeBundle, newSigner } from '../../helpers/bundles.ts'
import { rampMachine, sitePlan, startSite } from '../../helpers/site-gateway.ts'

const chromium = findChromium()
const shots = process.env['TWINWARD_SCREENSHOTS']
const hot = (name: string, above: number): AlarmRule => ({
  asset: 'pump-1', name, when: { kind: 'range', tag: 'pump-1/motor-temperature', above, below: null, deadband: 5 }, onDelayUs: 0, offDelayUs: 0, severity: 'high', message: '<b>The motor is hot</b>', recommendedAction: 'Stop the pump.',
})

/** The gateway as who stands at the box sees it: no platform, no console. */
test('the box shows its alarms, machines and buffer on a page of its own, and takes an acknowledgement there', { skip: chromium === undefined && 'no Chromium is installed' }, async (t) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-box-page-'))
  const machine = rampMachine(['t', 's'], 50, (round) => 60 + 40 * Math.sin(round / 40))
  const given = {
    directory, mqtt: { url: `mqtt://127.0.0.1:${await freePort()}` }, machine,
    tags: [{ address: 't', tag: 'pump-1/motor-temperature', unit: 'Cel', canonicalUnit: 'Cel' }, { address: 's', tag: 'pump-1/a-name-that-is-long-and-does-not-end-where-one-would-like', unit: '/min', canonicalUnit: '/min' }],
    plan: { alarms: { rules: [hot('motor-hot', 80)], to: [], keepMs: 86_400_000 }, health: { host: '127.0.0.1', port: 0 } },
  }
  const plan = sitePlan(given)
  const bundles = createBundleStore(judgeFolder(directory))
  const signer = newSigner()
  bundles.keys.trust(signer.publicKey)
  const [temp, flow] = given.tags.map(({ tag }) => tag) as [string, string]
  const inRole = (tag: string, role: string) => ({ asset: 'pump-1', tag, role, kind: 'scalar' as const, fromUs: null, toUs: null })
  bundles.install(makeBundle(signer, { site: plan.site, featureSet: { ...bundleFeatureSet, windowUs: 2_000_000, hopUs: 500_000 }, tags: [inRole(temp, 'temp'), inRole(flow, 'flow')] }), placeOf(plan))
  const site = await startSite(given)
  const keeper = createHealthKeeper({ site: () => site, plan: () => sitePlan(given), version: 'test', absence: () => null, tell: (problem) => { if (problem !== null) pino().warn(problem) } })
  await keeper.follow()
  const browser = await openBrowser(chromium ?? '')
  t.after(async () => {
    await browser.close()
    await keeper.close()
    await site.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  // The release's own alarm may stand beside it by now.
  await waitFor('an alarm', async () => site.alarms.list(10).some(({ rule }) => rule === 'motor-hot'))
  await waitFor('a trend', async () => (site.values()[0]?.trend.length ?? 0) >= 3)

  await waitFor('some windows', async () => (site.judged()[0]?.trend.length ?? 0) >= 10)

  const page = await browser.context.newPage()
  const wrong: string[] = []
  page.on('console', (message) => { if (message.type() === 'error') wrong.push(message.text()) })
  page.on('pageerror', (error) => { wrong.push(error.message) })
  await page.goto(keeper.url() ?? '')
  await page.getByText('<b>The motor is hot</b>').first().waitFor()
  await page.getByText('no connection to the platform', { exact: true }).waitFor()
  await page.getByText('pump-1/motor-temperature', { exact: true }).waitFor()
  await page.getByRole('img', { name: /last ten minutes: from/ }).first().waitFor()
  await page.getByText('pump-1, by small-r1', { exact: true }).waitFor()
  await page.getByRole('img', { name: /confidence of the last windows: from/ }).first().waitFor()
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 900 })
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    assert.ok(overflow <= 0, `${overflow} px too wide at ${width}`)
    if (shots !== undefined) await page.screenshot({ path: path.join(shots, `box-${width}.png`), fullPage: true })
  }
  await page.getByRole('button', { name: 'Acknowledge' }).first().click()
  await page.getByText('Say who you are first.').waitFor()
  await page.getByLabel('You are').fill('otto')
  await page.getByRole('button', { name: 'Acknowledge' }).first().click()
  await page.getByText(/otto sees to it/).first().waitFor()
  assert.ok(site.alarms.list(10).some(({ acknowledged }) => acknowledged?.by === 'otto'))
  assert.deepEqual(wrong, [])

  const policy = (await fetch(keeper.url() ?? '')).headers.get('content-security-policy') ?? ''
  assert.match(policy, /^default-src 'none'/)
})
