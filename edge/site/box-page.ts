import { createHash } from 'node:crypto'

const STYLE = `
:root { color-scheme: light dark; --ink: #1b2430; --soft: #5a6675; --line: #d6dce4; --back: #fff; --calm: #1f7a4d; --bad: #b3261e; --mid: #a15c00; --trend: #2b6cb0 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa6b5; --line: #313b48; --back: #151a21; --calm: #5fc796; --bad: #ff8a80; --mid: #f0b04f; --trend: #7db4ee } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--back) }
h1 { font-size: 1.3rem; margin: 0 } h2 { font-size: 1rem; margin: 1.5rem 0 .4rem }
header { display: flex; flex-wrap: wrap; gap: .3rem 1rem; align-items: baseline } .soft { color: var(--soft) }
.badge { font-weight: 600; padding: .05rem .5rem; border: 1px solid; border-radius: 1rem; font-size: .85rem } .calm { color: var(--calm) } .bad { color: var(--bad) } .mid { color: var(--mid) }
ul { list-style: none; padding: 0; margin: 0 } li { padding: .5rem 0; border-top: 1px solid var(--line) } li:first-child { border-top: 0 }
.alarm { display: grid; grid-template-columns: 1fr auto; gap: .2rem .8rem; align-items: center } .over { color: var(--soft) }
button { font: inherit; padding: .35rem .8rem; border: 1px solid var(--line); border-radius: .4rem; background: none; color: inherit; cursor: pointer } button:hover { border-color: currentColor }
.tags { display: grid; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); gap: .6rem }
.tag { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .7rem; min-width: 0 } .tag b { font-size: 1.1rem; font-variant-numeric: tabular-nums } .tag div { overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
svg { width: 100%; height: 2rem; display: block } path { fill: none; stroke: var(--trend); stroke-width: 1.5; vector-effect: non-scaling-stroke }
input { font: inherit; padding: .35rem; border: 1px solid var(--line); border-radius: .4rem; background: none; color: inherit; width: 9rem }
`

/** Text of the plant goes into the page as text alone. */
const SCRIPT = `
const $ = (id) => document.getElementById(id)
const make = (tag, cls, text) => { const e = document.createElement(tag); if (cls) e.className = cls; if (text !== undefined) e.textContent = text; return e }
const number = (x) => x === null ? '–' : Math.abs(x) >= 1e6 || (x !== 0 && Math.abs(x) < 1e-3) ? x.toExponential(3) : String(Number(x.toPrecision(5)))
const time = (us) => us === null ? '–' : new Date(us / 1000).toLocaleTimeString()
const when = (us) => new Date(us / 1000).toLocaleString()
const bytes = (n) => n >= 1e9 ? (n / 1e9).toFixed(1) + ' GB' : n >= 1e6 ? (n / 1e6).toFixed(1) + ' MB' : Math.round(n / 1e3) + ' kB'
const SEVERITY = { low: 'soft', medium: 'mid', high: 'bad', urgent: 'bad' }

function trendOf(points, of = 'last ten minutes') {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  const known = points.filter((x) => x !== null)
  svg.setAttribute('viewBox', '0 0 119 30'); svg.setAttribute('preserveAspectRatio', 'none')
  svg.setAttribute('role', 'img'); svg.setAttribute('aria-label', known.length === 0 ? of + ': nothing' : of + ': from ' + number(Math.min(...known)) + ' to ' + number(Math.max(...known)))
  if (known.length === 0) return svg
  const low = Math.min(...known), high = Math.max(...known), span = high - low || 1
  let d = '', pen = false
  points.forEach((x, i) => { if (x === null) { pen = false; return } d += (pen ? 'L' : 'M') + (119 - points.length + 1 + i) + ' ' + (high === low ? 15 : 28 - 26 * (x - low) / span).toFixed(2); pen = true })
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path'); path.setAttribute('d', d); svg.append(path)
  return svg
}

async function acknowledge(id) {
  const by = $('by').value.trim()
  if (by === '') { $('by').focus(); $('said').textContent = 'Say who you are first.'; return }
  localStorage.setItem('by', by)
  const response = await fetch('/alarms/' + encodeURIComponent(id) + '/acknowledge', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ by }) })
  $('said').textContent = response.ok ? '' : (await response.json()).message
  await look()
}

function alarmRow(alarm) {
  const li = make('li', 'alarm' + (alarm.state === 'active' ? '' : ' over'))
  const text = make('div')
  const first = alarm.numbers[0]
  text.append(make('span', 'badge ' + (alarm.state === 'active' ? SEVERITY[alarm.severity] : ''), alarm.state === 'active' ? alarm.severity : 'over'), ' ', make('b', '', alarm.asset), ' ', alarm.message)
  text.append(make('div', 'soft', 'since ' + when(alarm.sinceUs) + (alarm.clearedUs === null ? '' : ', until ' + when(alarm.clearedUs)) + (first ? ' · ' + first.tag + ' ' + first.what + ' ' + number(first.limit) + ' ' + first.unit + ': ' + number(first.value) : '')
    + (alarm.acknowledged ? ' · ' + alarm.acknowledged.by + ' sees to it' : '')))
  if (alarm.recommendedAction && alarm.state === 'active') text.append(make('div', '', alarm.recommendedAction))
  li.append(text)
  if (alarm.acknowledged === null) { const b = make('button', '', 'Acknowledge'); b.onclick = () => acknowledge(alarm.id); li.append(b) }
  return li
}

function judgedCard(machine) {
  const card = make('div', 'tag')
  const name = make('div', 'soft', machine.asset + ', by ' + machine.release); name.title = machine.release + ', issue ' + machine.issue
  const sure = machine.last === null ? null : machine.last.confidence
  card.append(name, make('b', machine.last !== null && machine.last.fired !== null ? 'bad' : '', number(sure)), ' ', make('span', 'soft', machine.last === null ? 'no window yet' : 'confidence, ' + time(machine.last.endUs) + (machine.last.fired === null ? '' : ' · ' + machine.last.fired)))
  card.append(trendOf(machine.trend, 'confidence of the last windows'))
  return card
}

function tagCard(value) {
  const card = make('div', 'tag')
  const name = make('div', 'soft', value.tag); name.title = value.tag
  card.append(name, make('b', value.value === null ? 'bad' : '', number(value.value)), ' ', make('span', 'soft', value.unit === '1' ? '' : value.unit), ' ')
  card.append(make('span', 'soft', value.sourceUs === null ? 'none yet' : time(value.sourceUs)), trendOf(value.trend))
  return card
}

async function look() {
  try {
    const [health, alarms, judged, values] = await Promise.all(['/healthz', '/alarms', '/judged', '/values'].map((at) => fetch(at).then((r) => r.json())))
    $('name').textContent = health.gateway + ', ' + health.site
    document.title = health.gateway + ' · Twinward'
    $('state').textContent = health.state; $('state').className = 'badge ' + (health.state === 'ok' ? 'calm' : 'mid')
    $('link').textContent = health.alone ? 'on its own, without a platform' : health.connected ? 'connected to the platform' : 'no connection to the platform'
    $('problems').replaceChildren(...health.problems.map((text) => make('li', '', text)))
    $('buffer').textContent = health.buffer ? health.buffer.rows.toLocaleString() + ' readings wait (' + bytes(health.buffer.bytes) + ' of ' + bytes(health.buffer.capBytes) + '), ' + health.buffer.lostRows.toLocaleString() + ' lost; ' + health.rate.inPerSec + ' a second come in' : ''
    const items = alarms.items ?? []
    $('alarms').replaceChildren(...items.slice(0, 50).map(alarmRow))
    $('none').hidden = items.length > 0
    $('who').hidden = items.every((alarm) => alarm.acknowledged !== null)
    $('sources').replaceChildren(...(health.connectors ?? []).map((c) => { const li = make('li'); li.append(make('span', 'badge ' + (c.state === 'ok' ? 'calm' : 'bad'), c.state), ' ', make('b', '', c.id), ' ', make('span', 'soft', c.type + (c.detail ? ' · ' + c.detail : ''))); return li }))
    $('judged').replaceChildren(...judged.items.map(judgedCard)); $('by-release').hidden = judged.items.length === 0
    $('values').replaceChildren(...(values.items ?? []).map(tagCard))
    $('gone').hidden = true
  } catch { $('gone').hidden = false }
}
$('by').value = localStorage.getItem('by') ?? ''
look(); setInterval(look, 2000)
`

const digest = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

/** Nothing but this page's own script and style runs, and nobody frames it. */
export const boxPagePolicy = `default-src 'none'; img-src data:; script-src ${digest(SCRIPT)}; style-src ${digest(STYLE)}; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`

/** The gateway as who stands at the box sees it: alarms, machines with their last ten minutes, sources, buffer. */
export const boxPage = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Twinward gateway</title><link rel="icon" href="data:,"><style>${STYLE}</style></head>
<body><header><h1 id="name">Gateway</h1><span id="state" class="badge"></span><span id="link" class="soft"></span></header>
<p id="gone" class="bad" role="alert" hidden>The gateway does not answer; what is shown may be old.</p>
<ul id="problems" class="mid" aria-label="Problems"></ul>
<main>
<h2>Alarms</h2><p id="none" class="soft" hidden>No alarms.</p>
<p id="who" hidden><label>You are <input id="by" autocomplete="name" maxlength="100"></label> <span id="said" class="bad" role="status"></span></p>
<ul id="alarms"></ul>
<section id="by-release" hidden><h2>Judged here</h2><div id="judged" class="tags"></div></section>
<h2>Machines, with their last ten minutes</h2><div id="values" class="tags"></div>
<h2>Sources</h2><ul id="sources"></ul>
<h2>Buffer</h2><p id="buffer"></p>
</main><script>${SCRIPT}</script></body></html>
`
