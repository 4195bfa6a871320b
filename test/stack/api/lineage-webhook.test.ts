import assert from 'node:assert/strict'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { verifySignature } from '../../../activities/notify/signature.ts'
import { startGovernanceApi, type GovernanceApi, type GovernancePerson } from '../../helpers/governance-api.ts'
import { until } from '../../helpers/governance.ts'
import { checkRunEvent, checkRuns, type CheckedEvent } from '../../helpers/open-lineage.ts'

interface Call { readonly url: string; readonly headers: IncomingHttpHeaders; readonly body: string }

describe('OpenLineage events to a catalogue', () => {
  let desk: GovernanceApi<GovernancePerson>
  let server: Server
  let url: string
  const calls: Call[] = []
  before(async () => {
    desk = await startGovernanceApi()
    server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => { body += chunk.toString() })
      request.on('end', () => {
        calls.push({ url: request.url ?? '', headers: request.headers, body })
        response.writeHead(201).end()
      })
    })
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(async () => {
    await desk?.end()
    server?.closeAllConnections()
    server?.close()
  })

  const webhook = (body: object) => desk.api.call<{ id: string; secret: string; events: string[] }>(desk.api.adminKey, 'POST', `/v1/webhooks?site=${desk.plant.site}`, body)
  /** Each once, in the order of what they tell: deliveries may be repeated, and overtake each other. */
  const told = (): CheckedEvent[] => {
    const events = new Map(calls.filter((call) => call.url === '/api/v1/lineage').map(({ body }) => [body, checkRunEvent(JSON.parse(body))]))
    return [...events.values()].sort((a, b) => Date.parse(a.eventTime) - Date.parse(b.eventTime) || (a.eventType === 'START' ? -1 : 1))
  }
  const putInForce = async () => {
    const { release } = await desk.plant.release()
    const asked = await desk.call<{ gate: string }>('mia', 'POST', '/v1/gates', { release, reason: 'better' })
    const evidenceDigest = await desk.plant.whenOpen(asked.body.gate)
    const done = await desk.call<{ assignment: string }>('rita', 'POST', `/v1/gates/${asked.body.gate}/approve`, { evidenceDigest })
    assert.equal(done.status, 200, done.text)
    return { release, gate: asked.body.gate, assignment: done.body.assignment }
  }

  it('registers with a token that is never shown again, and for runs alone', async () => {
    const token = 'catalogue-token-1'
    const made = await webhook({ url: `${url}/api/v1/lineage`, format: 'openlineage', bearerToken: token })
    assert.equal(made.status, 201, made.text)
    assert.deepEqual(made.body.events, ['lineage.run'])
    const list = await desk.api.call(desk.api.adminKey, 'GET', `/v1/webhooks?site=${desk.plant.site}`)
    assert.match(list.text, /"format":"openlineage"/)
    const audit = JSON.stringify(await desk.plant.asOwner("select * from audit_entry where subject like 'webhook/%'"))
    for (const text of [made.text, list.text, audit]) assert.ok(!text.includes(token))
    for (const bad of [{ url, format: 'openlineage', events: ['alert.*'] }, { url }, { url, events: ['alert.*'], bearerToken: 'two words' }, { url, format: 'csv', events: ['*'] }]) {
      assert.equal((await webhook(bad)).status, 400, JSON.stringify(bad))
    }
  })

  it('tells what judges from now on and what no longer does, and of training from its start', async () => {
    const plain = await webhook({ url: `${url}/plain`, events: ['lineage.*'] })
    const first = await putInForce()
    const second = await putInForce()
    const asked = await desk.call<{ id: string }>('mia', 'POST', '/v1/operations', { kind: 'retrain-model', family: desk.plant.family, reason: 'new pumps' })
    assert.equal(asked.status, 202, asked.text)
    const run = (id: string) => told().filter(({ run: { runId } }) => runId === id).map(({ eventType }) => eventType)
    await until('four events are there', () => Promise.resolve(told().length >= 4))
    assert.deepEqual([run(first.assignment), run(second.assignment), run(asked.body.id)], [['START', 'COMPLETE'], ['START'], ['START']])
    checkRuns(told())
    const begun = told().find(({ run: { runId } }) => runId === second.assignment)
    const assignment = begun?.run.facets['twinward_assignment'] as unknown as { release: string; gate: string; decisions: { actor: string; verdict: string }[] }
    assert.deepEqual([assignment.release, assignment.gate, assignment.decisions.map(({ actor, verdict }) => [actor, verdict])], [second.release, second.gate, [['rita', 'approve']]])

    for (const { headers, body, url: path } of calls.filter((call) => call.url === '/api/v1/lineage')) {
      assert.equal(headers.authorization, 'Bearer catalogue-token-1')
      assert.equal(headers['twinward-event-type'], 'lineage.run', `${path}: ${body}`)
    }
    const enveloped = await until('the plain receiver was told too', () => Promise.resolve(calls.find((call) => call.url === '/plain')))
    assert.equal(enveloped.headers.authorization, undefined)
    assert.ok(verifySignature(plain.body.secret, enveloped.body, String(enveloped.headers['twinward-signature']), Math.floor(Date.now() / 1000)))
    checkRunEvent((JSON.parse(enveloped.body) as { data: unknown }).data)

    const read = await desk.call<{ events: CheckedEvent[] }>('vera', 'GET', `/v1/lineage/events?operation=${asked.body.id}`)
    assert.deepEqual(read.body.events, told().filter(({ run: { runId } }) => runId === asked.body.id), 'asked for it is the same')
  })

  it('tells a roll back as the former release judging again', async () => {
    const back = await desk.call<{ release: string; assignment: string }>('rita', 'POST', `/v1/families/${desk.plant.family}/roll-back`, { reason: 'worse', requestId: 'back-1' })
    assert.equal(back.status, 200, back.text)
    await until('it is told', () => Promise.resolve(told().some(({ run: { facets } }) => (facets['twinward_assignment'] as unknown as { reason?: string } | undefined)?.reason === 'worse')))
    await until('the one before has ended', () => Promise.resolve(told().filter(({ job, eventType }) => job.name.startsWith('judge/') && eventType === 'COMPLETE').length === 2))
    checkRuns(told())
  })
})
