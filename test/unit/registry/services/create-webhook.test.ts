import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWebhookInput } from '../../../../registry/services/create-webhook.ts'

test('a webhook asks for events that there are', () => {
  const asked = (...events: string[]) => createWebhookInput.safeParse({ site: 'works', url: 'https://example.org/hook', events })
  for (const good of ['*', 'alert.*', 'alert.raised', 'windows.scored', 'gate.reviewer-added']) assert.equal(asked(good).success, true, good)
  for (const slip of ['alert.rased', 'alerts.*', 'alert', '', '*.raised', 'alert.raised.*']) {
    const { success, error } = asked('alert.raised', slip)
    assert.equal(success, false, slip)
    assert.match(error?.issues[0]?.message ?? '', /an event type \(alert\.raised, .*docs\/events\.md has them all\), all of a kind \(alert\.\*\), or \*/)
    assert.deepEqual(error?.issues[0]?.path, ['events', 1])
  }
})
