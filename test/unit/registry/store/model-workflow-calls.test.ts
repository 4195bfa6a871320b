import assert from 'node:assert/strict'
import { test } from 'node:test'
import { modelWorkflowCalls } from '../../../../registry/store/model-workflow-calls.ts'
import { taskQueues, workflowIds } from '../../../../workflows/ids.ts'
import { workflowTypes } from '../../../../workflows/messages.ts'

test('the registry calls the workflows of operations by the names they have', () => {
  assert.deepEqual(
    { ...modelWorkflowCalls.retrain, id: modelWorkflowCalls.retrain.id('o') },
    { type: workflowTypes.retrainModel, taskQueue: taskQueues.main, id: workflowIds.retrain('o') },
  )
  assert.deepEqual(
    { ...modelWorkflowCalls.drift, id: modelWorkflowCalls.drift.id('o') },
    { type: workflowTypes.checkDrift, taskQueue: taskQueues.main, id: workflowIds.drift('o') },
  )
  assert.deepEqual(
    { ...modelWorkflowCalls.rescore, id: modelWorkflowCalls.rescore.id('o') },
    { type: workflowTypes.rescore, taskQueue: taskQueues.main, id: workflowIds.rescore('o') },
  )
})
