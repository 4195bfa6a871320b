import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startTestApi, type TestApi } from '../../helpers/api.ts'
import { createTestCli, type TestCli } from '../../helpers/cli.ts'
import { createJudgingSite, S, series, T0, type JudgingSite } from '../../helpers/judging.ts'
import { checkRuns, type CheckedEvent } from '../../helpers/open-lineage.ts'
import { freshPrefix, useStack } from '../../helpers/stack.ts'

describe('lineage as OpenLineage events', () => {
  let plant: JudgingSite
  let api: TestApi
  let cli: TestCli
  let omar: string
  let alert: string
  before(async () => {
    const { connections } = await useStack()
    plant = await createJudgingSite()
    api = await startTestApi({ ...connections, database: { url: plant.database.url, migrationUrl: plant.database.migrationUrl }, s3: { ...connections.s3, bucketPrefix: freshPrefix() } })
    omar = await api.keyFor(plant.site, ['operator'], 'omar')
    cli = createTestCli(api.address, plant.site, { omar })
    await plant.assign(await plant.release())
    const vibration = (s: number): number => (s >= 100 ? 6 : 0.5) + Math.sin(s) / 100
    for (const s of [0, 100]) {
      await plant.close(await plant.commit({
        series: [series('pump-1/vibration', s, s + 100, vibration), series('pump-1/temperature', s, s + 100, () => 40)], completeThroughUs: T0 + (s + 100) * S,
      }))
    }
    const { body } = await api.call<{ items: { id: string }[] }>(omar, 'GET', `/v1/alerts?site=${plant.site}`)
    alert = body.items[0]!.id
    for (const [what, input] of [['acknowledge', {}], ['work-order', {}], ['feedback', { verdict: 'confirmed', failureMode: 'bearing' }], ['close', { reason: 'repaired' }]] as const) {
      const answer = await api.call(omar, 'POST', `/v1/alerts/${alert}/${what}?site=${plant.site}`, input)
      assert.ok(answer.status < 300, `${what}: ${answer.text}`)
    }
  })
  after(async () => {
    cli?.remove()
    await api?.stop()
    await plant?.drop()
  })

  const ask = (query: string, key = omar) => api.call<{ events: CheckedEvent[] }>(key, 'GET', `/v1/lineage/events?site=${plant.site}${query}`)
  const told = async (query: string) => {
    const { status, body, text } = await ask(query)
    assert.equal(status, 200, text)
    return checkRuns(body.events)
  }
  const ended = (events: readonly CheckedEvent[], job: RegExp) => events.filter(({ job: { name }, eventType }) => job.test(name) && eventType !== 'START')
  const facet = (of: object | undefined, key: string) => (of as Record<string, Record<string, unknown>> | undefined)?.[`twinward_${key}`]

  it('leads from raw batches and the model through the score to the alert, work order and outcome', async () => {
    const events = await told(`&alert=${alert}`)
    assert.deepEqual([...new Set(events.map(({ job }) => job.name.split('/')[0]))], ['register', 'ingest', 'judge', 'score', 'answer'])
    const [ingest] = ended(events, /^ingest/)
    const { count, named } = facet(ingest?.inputs[0]?.inputFacets, 'batches') as { count: number; named: { digest: string; object: string; commitNumber: number }[] }
    assert.equal(count, named.length)
    const rows = await plant.asOwner<{ digest: string; object_key: string; n: string }>('select digest, object_key, commit_number as n from raw_batch order by commit_number')
    for (const each of named) assert.ok(rows.some((row) => row.digest === each.digest && row.object_key === each.object && Number(row.n) === each.commitNumber))
    const [score] = ended(events, /^score\/pump-1$/)
    const read = facet(score?.inputs.find(({ name }) => name.startsWith('readings/'))?.inputFacets, 'tags') as { tags: { tag: string; count: number }[] }
    assert.deepEqual(read.tags.map(({ tag, count: n }) => [tag, n > 0]).sort(), [['pump-1/temperature', true], ['pump-1/vibration', true]])
    const judging = events.find(({ job, eventType }) => job.name.startsWith('judge/') && eventType === 'START')
    assert.equal((score?.run.facets['parent'] as unknown as { run: { runId: string } }).run.runId, judging?.run.runId)
    assert.equal(ended(events, /^judge/).length, 0, 'it judges still')
    const [answer] = ended(events, /^answer/)
    assert.match(String(facet(answer?.outputs.find(({ name }) => name.startsWith('work-orders/'))?.outputFacets, 'workOrder')?.['number']), /\d/)
    const { outcomes } = facet(answer?.outputs.find(({ name }) => name.startsWith('outcomes/'))?.outputFacets, 'outcomes') as { outcomes: { verdict: string; by: string }[] }
    assert.deepEqual(outcomes.map(({ verdict, by }) => [verdict, by]), [['confirmed', 'omar']])
    const [row] = await plant.asOwner<{ id: string }>('select raised_score_id::text as id from alert')
    assert.deepEqual(await told(`&score=${row!.id}`), events, 'a score leads up to the alert it raised, by the same runs')
  })

  it('of a model version tells where it came from and where it judges', async () => {
    const [model] = await plant.asOwner<{ name: string; version: number }>('select name, version from model_version')
    const events = await told(`&model=${model!.name}&version=${model!.version}`)
    assert.deepEqual(events.map(({ job, eventType }) => [job.name, eventType]), [[`register/${model!.name}`, 'START'], [`register/${model!.name}`, 'COMPLETE'], ['judge/pumps/champion', 'START']])
    assert.deepEqual(events[1]?.outputs.map(({ name }) => name), [`model/${model!.name}`])
    assert.ok(events[2]?.inputs.some(({ name, facets }) => name === `model/${model!.name}` && (facets['version'] as unknown as { datasetVersion: string }).datasetVersion === String(model!.version)))
  })

  it('comes over the CLI one event a line, and the drawing with all that followed', async () => {
    const { events } = (await ask(`&alert=${alert}`)).body
    const lines = (await cli.says('omar', `lineage --alert ${alert} --openlineage`)).trim().split('\n')
    assert.deepEqual(lines.map((line) => JSON.parse(line) as unknown), events)
    assert.deepEqual(await cli.json('omar', `lineage --alert ${alert} --openlineage`), { events })
    assert.match(await cli.says('omar', `lineage --alert ${alert}`), /^work-order .*\n[^]*batch /m)
    assert.equal((await cli.run('omar', 'lineage --model pumps@1')).exitCode, 2)
    assert.equal((await cli.run('omar', `lineage 1 --alert ${alert}`)).exitCode, 2)
  })

  it('refuses what is not there, what is not one thing, and keys of another site', async () => {
    const code = async (query: string, key = omar) => (await ask(query, key)).body as unknown as { type: string }
    for (const query of ['&score=999999', '&model=nothing&version=1', '&operation=6f1e2d3c-0000-4000-8000-000000000001', '&alert=6f1e2d3c-0000-4000-8000-000000000001']) {
      assert.equal((await code(query)).type, 'urn:twinward:error:not_found', query)
    }
    for (const query of ['', `&alert=${alert}&score=1`, '&model=pumps', '&version=1', `&score=1&version=1`]) assert.equal((await code(query)).type, 'urn:twinward:error:invalid', query)
    assert.ok((await api.call(api.adminKey, 'POST', '/v1/sites', { id: 'elsewhere', name: 'Elsewhere' })).status < 300)
    assert.equal((await ask(`&alert=${alert}`, await api.keyFor('elsewhere', ['operator'], 'otto'))).status, 403)
  })
})
