import assert from 'node:assert/strict'
import { test } from 'node:test'
import { workflowCalls } from '../../../../registry/store/workflow-calls.ts'
import { taskQueues, workflowIds } from '../../../../workflows/ids.ts'
import { messageNames, workflowTypes } from '../../../../workflows/messages.ts'

test('the registry calls workflows by the names they have', () => {
  assert.equal(workflowCalls.mainQueue, taskQueues.main)
  assert.equal(workflowCalls.gate('1'), workflowIds.gate('1'))
  assert.equal(workflowCalls.alert('1'), workflowIds.alert('1'))
  assert.equal(workflowCalls.rollout('1'), workflowIds.rollout('1'))
  assert.equal(workflowCalls.fleetUpdate('1'), workflowIds.fleetUpdate('1'))
  assert.deepEqual(workflowCalls.types, {
    'promote-model': workflowTypes.promoteModel, 'approve-policy': workflowTypes.approvePolicy, 'change-governance': workflowTypes.changeGovernance, alert: workflowTypes.alertLifecycle,
    rollout: workflowTypes.rollOut, fleetUpdate: workflowTypes.updateGateways,
  })
  assert.deepEqual(workflowCalls.signals, { alertChanged: messageNames.alertChanged, withdrawGate: messageNames.withdrawGate, rolloutChanged: messageNames.rolloutChanged, fleetUpdateChanged: messageNames.fleetUpdateChanged, operationChanged: messageNames.operationChanged })
})
