import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { connectAsync } from 'mqtt'
import type { Page } from 'playwright-core'
import { waitFor } from '../../../infra/demo/wait.ts'
import { topics } from '../../../registry/domain/contract/batch.ts'
import { gatewayReportExample, type Gap, type GatewayReport } from '../../../registry/domain/contract/gateway-report.ts'
import { appoint, foundFamily, makePeople, millBatch, millFamily, millPlant, millPolicy, openGate, trainMill, type People } from '../../helpers/mill.ts'
import { findChromium, openBrowser, type TestBrowser } from '../../helpers/browser.ts'
import { settled, startTestPlatform, type TestPlatform } from '../../helpers/platform.ts'
import { connectRawGateway } from '../../helpers/raw-gateway.ts'

const executable = findChromium()
/** On a developer's machine a missing browser is told; where everything must be shown it is a failure. */
const skip = executable === undefined && process.env['CI'] !== 'true' ? 'no Chromium found: install one (Debian: apt-get install chromium)' : false
const site = 'works'
const startUs = Math.floor(Date.now() / 60_000 - 60) * 60_000_000
const deadlines = { acknowledgeWithinSeconds: 3600, escalateAfterSeconds: 7200 }
/** Where screenshots go, when somebody wants to look at them. */
const shots = process.env['TWINWARD_SCREENSHOTS']

describe('the console in a browser', { skip }, () => {
  let on: TestPlatform
  let browser: TestBrowser
  let page: Page
  let people: People
  let keys: Record<keyof People, string>
  let gate = ''
  /** Approved alone, in an emergency; and a change of the rules. */
  let hasty = ''
  let rules = ''
  let alert = ''
  const complaints: string[] = []

  const visit = async (address: string, heading: string | RegExp) => {
    await page.goto(new URL(address, on.platform.url).href)
    await page.getByRole('heading', { level: 1, name: heading }).waitFor()
    await page.waitForLoadState('networkidle')
  }
  const picture = async (name: string) => {
    if (shots === undefined) return
    await mkdir(shots, { recursive: true })
    await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true })
  }
  const signIn = async (key: string) => {
    await page.goto(on.platform.url)
    await page.getByLabel('API key').fill(key)
    await page.getByRole('button', { name: 'Sign in' }).click()
  }
  const signOut = async () => {
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('API key').waitFor()
  }
  /** Parts of tables and lists that stick out of the frame they stand in. */
  const cutOff = () => page.evaluate(() => [...document.querySelectorAll('main table, main td, main th, main dl, main .badge')]
    .filter((part) => part.getBoundingClientRect().right > (part.closest('.panel, .card, .now, main')?.getBoundingClientRect().right ?? innerWidth) + 1)
    .map((part) => part.textContent.slice(0, 80)))
  /** A page that does not fit scrolls sideways. */
  const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)

  before(async () => {
    assert.ok(executable, 'no Chromium found, and CI=true asks for one: install it (Debian: apt-get install chromium)')
    on = await startTestPlatform()
    await on.admin.post('/v1/assets/import', millPlant(site, ['mill-1', 'mill-2']))
    ;({ keys, ...people } = await makePeople(on.admin, site))
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
    gate = (await people.mia.post<{ gate: string }>('/v1/gates', { release: id, reason: 'Second thoughts on the threshold' }, { site })).gate
    await openGate(people.rita, site, gate)
    await deliver(2, 1200, 1800, true)
    const second = (s: number) => startUs + s * 1_000_000
    await reportGaps(on, site, 'gw-1', [
      { id: 'g-1', revision: 2, cause: 'source_silent', tag: 'mill-1/vibration', source: 'plc-7', fromUs: second(1300), toUs: second(1500), lost: null, detail: 'no answer from 10.0.0.7:502' },
      { id: 'g-2', revision: 1, cause: 'buffer_full', tag: 'mill-1/temperature', source: 'plc-7', fromUs: second(700), toUs: second(760), lost: 60, detail: null },
      { id: 'g-3', revision: 2, cause: 'wan', tag: null, source: null, fromUs: second(200), toUs: second(500), lost: 0, detail: null },
      { id: 'g-4', revision: 1, cause: 'clock', tag: null, source: null, fromUs: second(1700), toUs: null, lost: null, detail: 'the system clock jumped by 3600.0 s' },
    ])
    alert = await waitFor('the alert', async () => (await on.sql<{ alert_id: string }>('select alert_id from alert'))[0]?.alert_id)
    browser = await openBrowser(executable)
    page = browser.context.pages()[0] ?? await browser.context.newPage()
    page.setDefaultTimeout(20_000)
    // The answer "nobody is signed in" is how the console learns to ask for a key.
    page.on('console', (message) => { if (['error', 'warning'].includes(message.type()) && !message.text().includes('401')) complaints.push(`${page.url()}: ${message.text()} ${message.location().url}`) })
    page.on('pageerror', (error) => { complaints.push(`${page.url()}: ${error.message}`) })
    page.on('response', (response) => { if (response.status() >= 500 || (response.status() >= 400 && response.status() !== 401)) complaints.push(`${page.url()}: ${response.status()} for ${response.url()}`) })
  })
  after(async () => {
    await (browser as TestBrowser | undefined)?.close()
    await (on as TestPlatform | undefined)?.stop()
  })

  it('asks for a key, and says when it is none', async () => {
    await signIn('tw_nonsense')
    await page.getByRole('alert').waitFor()
    await picture('login')
  })

  it('signs in with a key that then lies nowhere in the browser', async () => {
    await signIn(keys.rita)
    await page.getByRole('heading', { level: 1, name: 'Fleet' }).waitFor()
    const kept = await page.evaluate(() => JSON.stringify([location.href, { ...localStorage }, { ...sessionStorage }, document.cookie, document.documentElement.outerHTML]))
    assert.ok(!kept.includes(keys.rita))
    const cookies = await browser.context.cookies()
    assert.ok(cookies.length > 0)
    for (const cookie of cookies) {
      assert.ok(cookie.httpOnly)
      assert.ok(!decodeURIComponent(cookie.value).includes(keys.rita))
    }
  })

  it('shows the fleet, the worst machine first', async () => {
    await visit('/', 'Fleet')
    const cards = page.locator('.card')
    await cards.nth(1).waitFor()
    assert.deepEqual(await cards.locator('h2 > span:first-child').allInnerTexts(), ['mill-1', 'mill-2'])
    assert.match(await cards.first().innerText(), /high/i)
    await picture('fleet')
  })

  it('says at one glance which machine needs somebody now, in the tab’s title too', async () => {
    const now = page.getByRole('region', { name: 'Needs you now' })
    assert.match(await now.innerText(), /1 machine needs you now[^]*mill-1: Inspect the drive-end bearing\.[^]*wear, unanswered; called (just now|\d+ min ago)/)
    await page.waitForFunction(() => document.title === '(1) Fleet · Twinward')
    await now.getByRole('link').click()
    await page.getByRole('heading', { level: 1, name: 'wear' }).waitFor()
    await page.goBack()
    await page.getByRole('heading', { level: 1, name: 'Fleet' }).waitFor()
  })

  it('shows a twin: what it answers, its plots and its alert', async () => {
    await page.locator('.card').first().click()
    await page.getByRole('heading', { level: 1, name: 'mill-1' }).waitFor()
    await page.locator('canvas').nth(1).waitFor()
    await page.getByRole('heading', { name: 'Where the newest alert comes from' }).waitFor()
    await page.waitForLoadState('networkidle')
    const text = await page.locator('main').innerText()
    for (const expected of ['Is it drifting?', 'Which failure mode?', 'wear', 'Inspect the drive-end bearing.']) {
      assert.ok(text.includes(expected), `${expected} in:\n${text}`)
    }
    for (const canvas of await page.locator('canvas').all()) assert.ok(await isPainted(canvas), 'a plot is empty')
    const rule = page.getByRole('table', { name: 'Rules' }).getByRole('row').filter({ hasText: 'vibration-mean' })
    assert.match(await rule.innerText(), /wear[^]*in force/)
    await picture('twin')
  })

  it('shows what is missing: of which tag, why, from when to when; shaded in the plots', async () => {
    const table = page.getByRole('table', { name: 'Missing readings' })
    const rows = await table.locator('tbody tr').allInnerTexts()
    assert.equal(rows.length, 4)
    const text = rows.map((row) => row.replaceAll(/\s+/g, ' ')).join('\n')
    for (const expected of [/all of gateway gw-1 clock doubtful .* goes on .* unknown the system clock jumped/, /vibration machine silent .* 3 min unknown no answer from/, /temperature buffer full .* 1 min 60 –/, /all of gateway gw-1 no connection .* 5 min none, came later/]) assert.match(text, expected)
    // Over vibration's plot its own silence and the gateway's clock, not the other tag's loss.
    await page.getByRole('button', { name: 'vibration' }).click()
    await page.waitForLoadState('networkidle')
    assert.deepEqual(await shaded(page.locator('canvas').nth(1)), [false, false, true, true])
    await page.getByRole('button', { name: 'temperature' }).click()
    await page.waitForLoadState('networkidle')
    assert.deepEqual(await shaded(page.locator('canvas').nth(1)), [false, true, false, true])
    await picture('twin-gaps')
  })

  it('looks closer where the mouse is drawn across a plot, keeps that in the address, and comes out again', async () => {
    const plot = page.locator('.u-over').first()
    const box = await plot.boundingBox()
    assert.ok(box)
    await page.mouse.move(box.x + box.width * 0.5, box.y + 40)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width * 0.8, box.y + 40, { steps: 4 })
    await page.mouse.up()
    await page.waitForURL(/from=\d+&to=\d+/)
    await page.locator('canvas').nth(1).waitFor()
    await page.getByRole('button', { name: 'Zoom out' }).click()
    await page.waitForURL((url) => !url.searchParams.has('from'))
  })

  it('tells times by the day when it is not today, with how long ago and the exact moment', async () => {
    const [row] = await on.sql<{ raised: Date }>('select raised_at as raised from alert')
    const raised = page.getByRole('table', { name: 'Alerts' }).locator('time').first()
    assert.equal(await raised.getAttribute('datetime'), row?.raised.toISOString())
    assert.match(await raised.innerText(), /^(\d+ \w{3} )?\d\d:\d\d · (just now|\d+ (min|h) ago)$/)
    assert.match(await raised.getAttribute('title') ?? '', /^\w{3} \d+ \w{3} \d{4} \d\d:\d\d:\d\d UTC, /)
  })

  it('says what is wrong with an address that leads nowhere, and the way back', async () => {
    await visit('/nowhere', 'There is no page here')
    await page.getByRole('link', { name: 'Back to the fleet' }).click()
    await page.getByRole('heading', { level: 1, name: 'Fleet' }).waitFor()
  })

  it('names the reader’s zone, and tells all times in UTC on request', async () => {
    assert.ok(executable)
    const far = await openBrowser(executable, 'Asia/Kolkata')
    try {
      const other = await far.context.newPage()
      await other.goto(on.platform.url)
      await other.getByLabel('API key').fill(keys.rita)
      await other.getByRole('button', { name: 'Sign in' }).click()
      const raised = other.locator('.card time').first()
      const clock = async () => /\d\d:\d\d/.exec(await raised.innerText())?.[0]
      const ms = Date.parse(await raised.getAttribute('datetime') ?? '')
      assert.equal(await clock(), new Date(ms + 330 * 60_000).toISOString().slice(11, 16))
      await other.getByRole('button', { name: 'UTC+05:30' }).click()
      await other.getByRole('button', { name: 'UTC', exact: true }).waitFor()
      assert.equal(await clock(), new Date(ms).toISOString().slice(11, 16))
    } finally {
      await far.close()
    }
  })

  it('acknowledges an alert by a click', async () => {
    await signOut()
    await signIn(keys.omar)
    await page.getByRole('link', { name: /^Alerts/ }).click()
    await page.locator('tbody a').first().click()
    await page.getByRole('heading', { level: 1, name: 'wear' }).waitFor()
    await page.getByLabel('Note').fill('On my way.')
    await page.getByRole('button', { name: 'Acknowledge' }).click()
    await page.getByRole('button', { name: 'Acknowledge' }).waitFor({ state: 'detached' })
    await page.waitForLoadState('networkidle')
    await picture('alert')
    const [row] = await on.sql<{ state: string; acknowledged_by: string }>('select state, acknowledged_by from alert where alert_id = $1', [alert])
    assert.deepEqual(row, { state: 'acknowledged', acknowledged_by: 'omar' })
  })

  it('shows a gate with its evidence and takes the approval by a click', async () => {
    await signOut()
    await signIn(keys.rita)
    await page.getByRole('link', { name: /^Gates/ }).click()
    await page.getByRole('heading', { level: 1, name: 'Gates' }).waitFor()
    await page.locator('tbody a').first().click()
    await page.getByText('Second thoughts on the threshold').waitFor()
    await page.waitForLoadState('networkidle')
    await picture('gate')
    await page.getByRole('button', { name: 'Approve' }).click()
    await page.locator('.head').getByText('approved').waitFor()
    const [row] = await on.sql<{ state: string }>('select state from gate where gate_id = $1', [gate])
    assert.equal(row?.state, 'approved')
    await picture('gate-approved')
  })

  it('asks for changes, takes the answer, and declares an emergency that shows on every page', async () => {
    await on.sql(`update family set governance = jsonb_set(governance, '{approve-policy,emergency}', '{"roles": ["reliability-engineer"], "reviewWithinSeconds": 3600}')`)
    const { model } = await people.mia.get<{ model: { name: string; version: number } }>(`/v1/releases/${(await people.mia.get<{ release: string }>(`/v1/gates/${gate}`, { site })).release}`, { site })
    await people.mia.post('/v1/policies', { family: millFamily, definition: millPolicy(3, { ...deadlines, escalateAfterSeconds: 7300 }) }, { site })
    const { id } = await people.mia.post<{ id: string }>('/v1/releases', { model: { name: model.name, version: model.version }, policyVersion: 3 }, { site })
    hasty = (await people.mia.post<{ gate: string }>('/v1/gates', { release: id, reason: 'Escalate later at night' }, { site })).gate
    await openGate(people.rita, site, hasty)
    await visit(`/gates/${hasty}`, /champion/)
    await page.getByText('0 of 1: reliability-engineer, the family’s owner still wanted').waitFor()
    await page.getByLabel('Comment').fill('Why at night only?')
    await page.getByRole('button', { name: 'Ask for changes' }).click()
    await page.getByText('Nothing is approved until mia answers').waitFor()
    assert.equal(await page.getByRole('button', { name: 'Approve', exact: true }).count(), 0)
    await picture('gate-changes-asked')
    await people.mia.post(`/v1/gates/${hasty}/answer`, { comment: 'There is one shift at night.' }, { site })
    await page.getByLabel('Add to the thread').fill('The shift lead knows.')
    await page.getByRole('button', { name: 'Comment', exact: true }).click()
    await page.locator('.thread').getByText('The shift lead knows.').waitFor()
    await page.locator('.thread').getByText('There is one shift at night.').waitFor()
    await page.getByText('Emergency: approve alone').click()
    await page.getByLabel('What the emergency is').fill('The shift is called out all night.')
    await picture('gate-emergency')
    await page.getByRole('button', { name: 'Declare the emergency and approve' }).click()
    await page.locator('.head').getByText('approved').waitFor()
    await visit('/', 'Fleet')
    const banner = page.getByRole('alert').getByRole('link')
    assert.match(await banner.innerText(), /Emergency: rita put .* in force alone at works\. Review: 0 of 1: reliability-engineer still wanted/)
  })

  it('lets an approver delegate, and end it', async () => {
    await page.getByRole('link', { name: /^Gates/ }).click()
    await page.getByRole('link', { name: 'Delegations' }).click()
    await page.getByLabel('To').fill('omar')
    await page.getByLabel('Until the end of').fill(new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10))
    await page.getByLabel('Why').fill('On holiday')
    await page.getByRole('button', { name: 'Delegate' }).click()
    await page.getByRole('row').filter({ hasText: 'omar for rita' }).getByRole('button', { name: 'Revoke' }).click()
    await page.getByText('revoked').waitFor()
    await people.ravi.post('/v1/delegations', { to: 'omar', until: new Date(Date.now() + 3_600_000).toISOString(), reason: 'Away today' }, { site })
    await people.rita.post(`/v1/families/${millFamily}/governance`, {
      reason: 'We are more people now', governance: { 'promote-model': { requiredApprovals: 3, roles: ['reliability-engineer', 'ml-engineer'], perRole: { 'ml-engineer': 1 } } },
    }, { site })
    rules = (await people.rita.get<{ items: { id: string; kind: string }[] }>('/v1/gates', { site, state: 'open' })).items.find(({ kind }) => kind === 'change-governance')!.id
  })

  for (const width of [1280, 390]) {
    it(`tries other levels on stored scores and draws what would change, ${width} px wide`, async () => {
      await page.setViewportSize({ width, height: 844 })
      await visit(`/policies/${site}/${millFamily}`, `Policy of ${millFamily}`)
      const before = (await on.sql('select from policy')).length
      await page.getByLabel('On-delay, seconds').fill('0')
      await page.getByRole('button', { name: 'Try on stored scores' }).click()
      await page.getByRole('heading', { name: 'Alerts that would change' }).waitFor()
      await page.getByText('1 moved').waitFor()
      const mark = page.getByRole('link', { name: /^wear moved .* earlier, raised/ })
      assert.match(await mark.getAttribute('href') ?? '', new RegExp(`^/alerts/${alert}$`))
      await page.getByRole('img', { name: /^Alerts of .* by day: 1 before, 1 after$/ }).waitFor()
      await picture(`policy-${width}`)
      assert.equal(await overflow(), 0)
      assert.deepEqual(await cutOff(), [])
      await page.getByLabel('Clears at').fill('8')
      await page.getByRole('button', { name: 'Try on stored scores' }).click()
      await page.getByRole('alert').getByText(/clear level must lie on the safe side/).waitFor()
      assert.equal((await on.sql('select from policy')).length, before, 'nothing was registered')
      // The refusal just asked for, and nothing else.
      const refused = complaints.filter((line) => /policy-preview|status of 400/.test(line))
      assert.equal(refused.length > 0, true, 'a refusal is told')
      complaints.splice(0, complaints.length, ...complaints.filter((line) => !refused.includes(line)))
    })
  }

  for (const width of [1280, 390]) {
    it(`fits a window ${width} px wide`, async () => {
      await page.setViewportSize({ width, height: 844 })
      for (const [address, heading] of [['/', 'Fleet'], [`/twins/${site}/mill-1`, 'mill-1'], ['/alerts', 'Alerts'], [`/alerts/${alert}`, 'wear'], ['/gates', 'Gates'], [`/gates/${gate}`, /champion/], ['/ledger', 'Ledger'], ['/delegations', 'Delegations'], [`/gates/${hasty}`, /champion/], [`/gates/${rules}`, /governance of/]] as const) {
        await visit(address, heading)
        await picture(`${width}-${address.split('/').filter((part) => !/^[0-9a-f]{8}-/.test(part)).join('-') || 'fleet'}${/[0-9a-f]{8}-/.test(address) ? address.endsWith(hasty) ? '-emergency' : address.endsWith(rules) ? '-rules' : '-one' : ''}`)
        assert.ok(await overflow() <= 0, `${address} is ${await overflow()} px too wide`)
        assert.deepEqual(await cutOff(), [], `cut off at ${address}`)
      }
    })
  }

  it('lets a delegate review the emergency in the name of who delegated to them', async () => {
    await page.setViewportSize({ width: 1280, height: 844 })
    await signOut()
    await signIn(keys.omar)
    await page.getByRole('alert').getByRole('link', { name: 'You can review it' }).click()
    await page.getByText('You decide for ravi, who delegated to you').waitFor()
    await page.getByRole('button', { name: 'Confirm' }).click()
    await page.getByText('The review confirmed it').waitFor()
    await page.getByText('omar for ravi').waitFor()
    await page.locator('.emergencies').waitFor({ state: 'detached' })
    await signOut()
    await signIn(keys.rita)
  })

  it('names the site of each row of the ledger to a key that covers several', async () => {
    await page.setViewportSize({ width: 1280, height: 844 })
    await visit('/ledger', 'Ledger')
    assert.equal(await page.getByRole('columnheader', { name: 'Site' }).count(), 0, 'Rita’s key covers one site')
    await signOut()
    await signIn(on.adminKey)
    // Whoever leaves for another page before the answer takes the request back, and is signed in nowhere.
    await page.getByRole('heading', { level: 1, name: 'Fleet' }).waitFor()
    await visit('/ledger', 'Ledger')
    const sites = await page.locator('td[data-head="Site"]').allInnerTexts()
    assert.deepEqual([...new Set(sites)].sort(), [site, 'whole fleet'].sort())
  })

  it('had nothing to complain about', () => { assert.deepEqual(complaints, []) })
})

/** Whether anything was drawn: more than one colour among its pixels. */
function isPainted(canvas: ReturnType<Page['locator']>): Promise<boolean> {
  return canvas.evaluate((element) => {
    const drawn = element as HTMLCanvasElement
    const pixels = drawn.getContext('2d')?.getImageData(0, 0, drawn.width, drawn.height).data ?? new Uint8ClampedArray()
    return new Set(new Uint32Array(pixels.buffer)).size > 2
  })
}

/** Tells the platform of gaps, as a gateway does, and waits until it has them. */
async function reportGaps(on: TestPlatform, site: string, gateway: string, gaps: readonly Gap[]): Promise<void> {
  const { url, username = '', password = '' } = on.platform.connections.mqtt
  const client = await connectAsync(url, { username, password })
  const report: GatewayReport = { ...gatewayReportExample, site, gateway, sentUs: Date.now() * 1000, gaps: [...gaps], mappings: [], commands: [] }
  await client.publishAsync(topics.report(site, gateway), JSON.stringify(report), { qos: 1 })
  await waitFor('the gaps', async () => (await on.sql('select 1 from gap')).length === gaps.length || undefined)
  await client.endAsync()
}

/** Whether a plot over [0, 1800) s is shaded at 353, 731, 1403 and 1753 s: looked at just below its top, where no line and no name is. */
async function shaded(canvas: ReturnType<Page['locator']>): Promise<boolean[]> {
  const [paper, ...colours] = await canvas.evaluate((element, seconds) => {
    const drawn = element as HTMLCanvasElement
    const over = drawn.parentElement?.querySelector('.u-over') as HTMLElement
    const scale = drawn.width / drawn.clientWidth
    // Chromium complains of canvases that are read again and again; a copy may be.
    const copy = Object.assign(document.createElement('canvas'), { width: drawn.width, height: drawn.height }).getContext('2d', { willReadFrequently: true })
    copy?.drawImage(drawn, 0, 0)
    return seconds.map((second) => [...(copy?.getImageData((over.offsetLeft + over.clientWidth * (second / 1800)) * scale, (over.offsetTop + 2) * scale, 1, 1).data ?? [])].join())
  }, [617, 353, 731, 1403, 1753])
  return colours.map((colour) => colour !== paper)
}
