import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { before, describe, it } from 'node:test'
import { Worker } from '@temporalio/worker'
import { workflowBundle, type WorkflowBundle } from '../../../infra/build/workflows.ts'
import { workflowTypes } from '../../../workflows/messages.ts'

/*
 * Histories recorded by `infra/dev/record-histories.ts`. They stand for gates, alerts and trainings that are under way
 * while a new version is deployed: the workflows of today must take the very same steps.
 */
const folder = path.join(import.meta.dirname, '../../histories')
interface Event { eventType: number; workflowExecutionStartedEventAttributes?: { workflowType: { name: string } }; activityTaskScheduledEventAttributes?: { activityType: { name: string } }; timerStartedEventAttributes?: unknown }
interface History { events: Event[] }
const read = (file: string) => JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as History
const files = readdirSync(folder).filter((file) => file.endsWith('.json'))

describe('replay of recorded histories', () => {
  let bundle: WorkflowBundle
  before(async () => { bundle = await workflowBundle() })
  const replay = (history: History) => Worker.runReplayHistory({ workflowBundle: { code: bundle.code } }, history)

  it('there is one of every workflow', () => {
    const types = files.map((file) => read(file).events[0]?.workflowExecutionStartedEventAttributes?.workflowType.name)
    assert.deepEqual([...new Set(types)].sort(), Object.values(workflowTypes).sort())
  })

  for (const file of files) {
    it(`${file} takes the same steps`, async () => { await replay(read(file)) })
  }

  it('a history in which another activity was called does not pass', async () => {
    const history = read('promote-model-approved.json')
    const scheduled = history.events.find((event) => event.activityTaskScheduledEventAttributes?.activityType.name === 'checkGate')
    scheduled!.activityTaskScheduledEventAttributes!.activityType.name = 'voidGate'
    await assert.rejects(replay(history), /nondeterminism|Nondeterminism|does not match/i)
  })

  it('a history of another workflow does not pass', async () => {
    const history = read('alert-lifecycle.json')
    history.events[0]!.workflowExecutionStartedEventAttributes!.workflowType.name = 'ingestBatch'
    await assert.rejects(replay(history))
  })
})
