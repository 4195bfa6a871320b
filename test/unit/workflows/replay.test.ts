import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { before, describe, it } from 'node:test'
import { Worker, type ReplayResult } from '@temporalio/worker'
import { workflowBundle } from '../../../infra/build/workflows.ts'
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

/** Histories of something else than the workflows do. */
const wrong = {
  'another activity': () => {
    const history = read('promote-model-approved.json')
    const scheduled = history.events.find((event) => event.activityTaskScheduledEventAttributes?.activityType.name === 'checkGate')
    scheduled!.activityTaskScheduledEventAttributes!.activityType.name = 'voidGate'
    return history
  },
  'another workflow': () => {
    const history = read('alert-lifecycle.json')
    history.events[0]!.workflowExecutionStartedEventAttributes!.workflowType.name = 'ingestBatch'
    return history
  },
}

describe('replay of recorded histories', () => {
  let ended: Map<string, ReplayResult>
  // All by one Worker: to start one takes longer than to replay.
  before(async () => {
    const { code } = await workflowBundle()
    ended = new Map()
    const histories = [...files.map((file) => ({ workflowId: file, history: read(file) })), ...Object.entries(wrong).map(([workflowId, make]) => ({ workflowId, history: make() }))]
    for await (const result of Worker.runReplayHistories({ workflowBundle: { code } }, histories)) ended.set(result.workflowId, result)
  })
  const errorOf = (name: string) => {
    const result = ended.get(name)
    assert.ok(result, `${name} was not replayed`)
    return result.error
  }

  it('there is one of every workflow', () => {
    const types = files.map((file) => read(file).events[0]?.workflowExecutionStartedEventAttributes?.workflowType.name)
    assert.deepEqual([...new Set(types)].sort(), Object.values(workflowTypes).sort())
  })

  for (const file of files) {
    it(`${file} takes the same steps`, () => { assert.ifError(errorOf(file)) })
  }

  it('a history in which another activity was called does not pass', () => {
    assert.match(String(errorOf('another activity')), /nondeterminism|Nondeterminism|does not match/i)
  })

  it('a history of another workflow does not pass', () => {
    assert.ok(errorOf('another workflow'))
  })
})
