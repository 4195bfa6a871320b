import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { findChromium, openBrowser } from '../../../helpers/browser.ts'
import { millFamily, millPolicy, openGate } from '../../../helpers/mill.ts'
import { isPainted, shaded } from './pixels.ts'
import { rollBackWithRescore } from './rescore.ts'
import { tendGateways } from './gateways.ts'
import { answerIncident } from './incident.ts'
import { beginRollout, followRollout } from './rollout.ts'
import { deadlines, setStage, site, type Stage } from './stage.ts'

const executable = findChromium()
/** On a developer's machine a missing browser is told; where everything must be shown it is a failure. */
const skip = executable === undefined && process.env['CI'] !== 'true' ? 'no Chromium found: install one (Debian: apt-get install chromium)' : false

describe('the console in a browser', { skip }, () => {
  let stage: Stage | undefined
  let on: Stage['on']
  let page: Page
  let people: Stage['people']
  let keys: Stage['keys']
  let gate = ''
  /** Approved alone, in an emergency; and a change of the rules. */
  let hasty = ''
  let rules = ''
  let alert = ''
  let complaints: string[]
  let { visit, signIn, signOut, picture, cutOff, overflow } = {} as Stage

  before(async () => {
    assert.ok(executable, 'no Chromium found, and CI=true asks for one: install it (Debian: apt-get install chromium)')
    stage = await setStage(executable)
    ;({ on, page, people, keys, gate, alert, complaints, visit, signIn, signOut, picture, cutOff, overflow } = stage)
  })
  after(() => stage?.close())

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
    const cookies = await page.context().cookies()
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

  it('leads from a machine to the policy that judges it, and lets nobody try levels who may not', async () => {
    await visit(`/twins/${site}/mill-1`, 'mill-1')
    await page.getByRole('link', { name: millFamily }).click()
    await page.getByRole('heading', { level: 1, name: `Policy of ${millFamily}` }).waitFor()
    await page.getByRole('heading', { name: 'Levels in force' }).waitFor()
    assert.equal(await page.getByLabel('Raises at').isDisabled(), true)
    assert.equal(await page.getByRole('button', { name: 'Try on stored scores' }).count(), 0)
    await picture('policy-read-only')
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
    await page.getByRole('button', { name: 'Comment', exact: true }).dblclick()
    await page.locator('.thread').getByText('The shift lead knows.').waitFor()
    await page.locator('.thread').getByText('There is one shift at night.').waitFor()
    const said = await people.mia.get<{ thread: { text: string }[] }>(`/v1/gates/${hasty}`, { site })
    assert.equal(said.thread.filter(({ text }) => text === 'The shift lead knows.').length, 1, 'a second click of one moment sends nothing')
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
      for (const [address, heading] of [['/', 'Fleet'], [`/twins/${site}/mill-1`, 'mill-1'], ['/alerts', 'Alerts'], [`/alerts/${alert}`, 'wear'], ['/gates', 'Gates'], [`/gates/${gate}`, /champion/], ['/ledger', 'Ledger'], ['/operations', 'Operations'], ['/delegations', 'Delegations'], [`/gates/${hasty}`, /champion/], [`/gates/${rules}`, /governance of/]] as const) {
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
    await page.locator('.banners').waitFor({ state: 'detached' })
    await signOut()
    await signIn(keys.rita)
  })

  it('rolls back with a rescore, and shows how one goes: paused, resumed, done', async () => {
    assert.ok(stage)
    await rollBackWithRescore(stage)
  })

  it('follows a release on its way into force, and takes it back by a click', async () => {
    assert.ok(stage)
    await followRollout(stage, await beginRollout(stage))
  })

  it('looks what another policy would have made of an alert', async () => {
    await visit(`/alerts/${alert}`, 'wear')
    await page.getByRole('heading', { name: 'Under other versions' }).waitFor()
    await page.getByLabel('Policy').selectOption({ label: 'version 2' })
    await page.getByRole('button', { name: 'Look' }).click()
    await page.getByText(/\d+ windows, .* judged then by/).waitFor()
    const panel = page.locator('section.panel').filter({ hasText: 'Under other versions' })
    assert.match(await panel.innerText(), /here by policy version 2\.[^]*Scores\s+none differs[^]*Alerts\s+1 then, 1 here/)
    await picture('what-if')
    assert.equal(await overflow(), 0)
    // Another choice takes the answer away, which was not of it.
    await page.getByLabel('Policy').selectOption({ label: 'as then' })
    await page.getByText(/judged then by/).waitFor({ state: 'detached' })
  })

  it('shows an incident on every page, and closes it with what was found', async () => {
    assert.ok(stage)
    await answerIncident(stage)
  })

  it('shows the gateways: one is seen to, given a token, shut out', async () => {
    assert.ok(stage)
    await tendGateways(stage)
    await signOut()
    await signIn(stage.keys.rita)
    await page.getByRole('heading', { level: 1, name: 'Fleet' }).waitFor()
  })

  it('names the site of each row of the ledger to a key that covers several', async () => {
    await page.setViewportSize({ width: 1280, height: 844 })
    await visit('/ledger', 'Ledger')
    assert.equal(await page.getByRole('columnheader', { name: 'Site' }).count(), 0, 'Rita’s key covers one site')
    await signOut()
    await signIn(on.adminKey)
    await visit('/ledger', 'Ledger')
    const sites = await page.locator('td[data-head="Site"]').allInnerTexts()
    assert.deepEqual([...new Set(sites)].sort(), [site, 'whole fleet'].sort())
  })

  it('had nothing to complain about', () => { assert.deepEqual(complaints, []) })
})
