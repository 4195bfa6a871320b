import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { connectAsync } from 'mqtt'
import type { Page } from 'playwright-core'
import { waitFor } from '../../../../infra/demo/wait.ts'
import { topics } from '../../../../registry/domain/contract/batch.ts'
import { gatewayReportExample, type Gap, type GatewayReport } from '../../../../registry/domain/contract/gateway-report.ts'
import { localAlarmExample } from '../../../../registry/domain/contract/local-alarm.ts'
import { openBrowser, type TestBrowser } from '../../../helpers/browser.ts'
import { appoint, foundFamily, makePeople, millBatch, millFamily, millPlant, millPolicy, openGate, trainMill, type People } from '../../../helpers/mill.ts'
import { settled, startTestPlatform, type TestPlatform } from '../../../helpers/platform.ts'
import { connectRawGateway } from '../../../helpers/raw-gateway.ts'

export const site = 'works'
export const deadlines = { acknowledgeWithinSeconds: 3600, escalateAfterSeconds: 7200 }
const startUs = Math.floor(Date.now() / 60_000 - 60) * 60_000_000
/** Where screenshots go, when somebody wants to look at them. */
const shots = process.env['TWINWARD_SCREENSHOTS']

/** A plant of two mills, one of them worn, with a release in force, an alert, gaps and a waiting gate; and a browser before it. */
export interface Stage {
  readonly on: TestPlatform
  readonly browser: TestBrowser
  readonly page: Page
  readonly people: People
  readonly keys: Record<keyof People, string>
  /** Waits for approvals. */
  readonly gate: string
  readonly alert: string
  /** What the browser had to say, and refusals nobody asked for. */
  readonly complaints: string[]
  readonly visit: (address: string, heading: string | RegExp) => Promise<void>
  /** Until the key is taken or refused. */
  readonly signIn: (key: string) => Promise<void>
  readonly signOut: () => Promise<void>
  readonly picture: (name: string) => Promise<void>
  /** Parts of tables and lists that stick out of the frame they stand in. */
  readonly cutOff: () => Promise<string[]>
  /** Pixels that a page is too wide: it would scroll sideways. */
  readonly overflow: () => Promise<number>
  readonly close: () => Promise<void>
}

export async function setStage(executable: string): Promise<Stage> {
  const on = await startTestPlatform()
  try {
    return await furnish(on, executable)
  } catch (error) {
    await on.stop()
    throw error
  }
}

async function furnish(on: TestPlatform, executable: string): Promise<Stage> {
  const complaints: string[] = []
  await on.admin.post('/v1/assets/import', millPlant(site, ['mill-1', 'mill-2']))
  const { keys, ...people } = await makePeople(on.admin, site)
  await foundFamily(people, on.admin, site, deadlines)
  const lanes = [{ gateway: 'gw-1', asset: 'mill-1', worn: 7 }, { gateway: 'gw-2', asset: 'mill-2', worn: 0 }]
  const deliver = async (sequence: number, fromS: number, toS: number, isWorn: boolean) => {
    for (const { gateway, asset, worn } of lanes) {
      const connection = await connectRawGateway(on.platform.connections.mqtt, site, gateway)
      await connection.send(millBatch(site, sequence, startUs, fromS, toS, { gateway, assets: [asset], worn: isWorn ? worn : 0 }))
      await connection.close()
    }
    await settled(on, site, sequence * lanes.length)
  }
  await deliver(1, 0, 1200, false)
  const { release, gate: first } = await trainMill(people, site)
  await appoint(people, site, first)
  const { model } = await people.mia.get<{ model: { name: string; version: number } }>(`/v1/releases/${release}`, { site })
  await people.mia.post('/v1/policies', { family: millFamily, definition: millPolicy(2, deadlines) }, { site })
  const { id } = await people.mia.post<{ id: string }>('/v1/releases', { model: { name: model.name, version: model.version }, policyVersion: 2 }, { site })
  const gate = (await people.mia.post<{ gate: string }>('/v1/gates', { release: id, reason: 'Second thoughts on the threshold' }, { site })).gate
  await openGate(people.rita, site, gate)
  await deliver(2, 1200, 1800, true)
  const second = (s: number) => startUs + s * 1_000_000
  await reportGaps(on, site, 'gw-1', [
    { id: 'g-1', revision: 2, cause: 'source_silent', tag: 'mill-1/vibration', source: 'plc-7', fromUs: second(1300), toUs: second(1500), lost: null, detail: 'no answer from 10.0.0.7:502' },
    { id: 'g-2', revision: 1, cause: 'buffer_full', tag: 'mill-1/temperature', source: 'plc-7', fromUs: second(700), toUs: second(760), lost: 60, detail: null },
    { id: 'g-3', revision: 2, cause: 'wan', tag: null, source: null, fromUs: second(200), toUs: second(500), lost: 0, detail: null },
    { id: 'g-4', revision: 1, cause: 'clock', tag: null, source: null, fromUs: second(1700), toUs: null, lost: null, detail: 'the system clock jumped by 3600.0 s' },
  ])
  const alert = await waitFor('the alert', async () => (await on.sql<{ alert_id: string }>('select alert_id from alert'))[0]?.alert_id)
  const browser = await openBrowser(executable)
  const page = browser.context.pages()[0] ?? await browser.context.newPage()
  page.setDefaultTimeout(20_000)
  // The answer "nobody is signed in" is how the console learns to ask for a key.
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type()) && !message.text().includes('401')) complaints.push(`${page.url()}: ${message.text()} ${message.location().url}`) })
  page.on('pageerror', (error) => { complaints.push(`${page.url()}: ${error.message}`) })
  page.on('response', (response) => { if (response.status() >= 500 || (response.status() >= 400 && response.status() !== 401)) complaints.push(`${page.url()}: ${response.status()} for ${response.url()}`) })
  return {
    on, browser, page, people, keys, gate, alert, complaints,
    async visit(address, heading) {
      await page.goto(new URL(address, on.platform.url).href)
      await page.getByRole('heading', { level: 1, name: heading }).waitFor()
      await page.waitForLoadState('networkidle')
    },
    async signIn(key) {
      await page.goto(on.platform.url)
      await page.getByLabel('API key').fill(key)
      // Whoever leaves for another page before the answer takes the request back, and is signed in nowhere.
      await Promise.all([
        page.waitForResponse((response) => new URL(response.url()).pathname === '/v1/session'),
        page.getByRole('button', { name: 'Sign in' }).click(),
      ])
    },
    async signOut() {
      await page.getByRole('button', { name: 'Sign out' }).click()
      await page.getByLabel('API key').waitFor()
    },
    async picture(name) {
      if (shots === undefined) return
      await mkdir(shots, { recursive: true })
      await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true })
    },
    cutOff: () => page.evaluate(() => [...document.querySelectorAll('main table, main td, main th, main dl, main .badge')]
      .filter((part) => part.getBoundingClientRect().right > (part.closest('.panel, .card, .now, main')?.getBoundingClientRect().right ?? innerWidth) + 1)
      .map((part) => part.textContent.slice(0, 80))),
    overflow: () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
    async close() {
      await browser.close()
      await on.stop()
    },
  }
}

/** Tells the platform of gaps, as a gateway does, and waits until it has them. */
async function reportGaps(on: TestPlatform, site: string, gateway: string, gaps: readonly Gap[]): Promise<void> {
  const { url, username = '', password = '' } = on.platform.connections.mqtt
  const client = await connectAsync(url, { username, password })
  const report: GatewayReport = { ...gatewayReportExample, site, gateway, sentUs: Date.now() * 1000, gaps: [...gaps], alarms: [{ ...localAlarmExample, asset: 'mill-1' }], judged: [], mappings: [], commands: [] }
  await client.publishAsync(topics.report(site, gateway), JSON.stringify(report), { qos: 1 })
  await waitFor('the gaps', async () => (await on.sql('select 1 from gap')).length === gaps.length || undefined)
  await client.endAsync()
}
