import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Part } from '../../../infra/dev/part.ts'
import { describeParts } from '../../../infra/status.ts'
import type { ChildStatus } from '../../../infra/supervisor.ts'

const part = (name: Part['name'], kind: Part['kind']): Part => ({
  name, kind, address: `${name}:1`, version: kind === 'embedded' ? '9' : '', health: async () => ({ ok: true, detail: '' }),
})
const child = (name: string, more: Partial<ChildStatus> = {}): ChildStatus => ({
  name, state: 'running', pid: 7, restarts: 0, since: '2026-01-01T00:00:00.000Z', ...more,
})

describe('status', () => {
  it('puts supervision and health together', () => {
    const stack = {
      parts: [part('postgres', 'embedded'), part('temporal', 'embedded'), part('minio', 'external'), part('mqtt', 'external')],
      status: () => [child('postgres'), child('temporal')],
    }
    const health = new Map([
      ['postgres', { ok: true, detail: '18.4' }],
      ['temporal', { ok: false, detail: 'no answer' }],
      ['minio', { ok: true, detail: 'S3' }],
      ['mqtt', { ok: false, detail: 'refused' }],
    ])
    const processes = [child('worker', { state: 'backoff', restarts: 3, lastExit: { code: 1, at: '2026-01-01T00:00:00.000Z' } })]
    assert.deepEqual(
      describeParts(stack, processes, health, '0.1.0').map(({ name, kind, state, version, restarts, detail }) => [name, kind, state, version, restarts, detail]),
      [
        ['postgres', 'embedded', 'running', '9', 0, undefined],
        ['temporal', 'embedded', 'unhealthy', '9', 0, 'no answer'],
        ['minio', 'external', 'running', 'S3', 0, undefined],
        ['mqtt', 'external', 'unreachable', 'unknown', 0, 'refused'],
        ['worker', 'process', 'backoff', '0.1.0', 3, 'ended last with code 1'],
      ],
    )
  })

  it('shows a dead server as dead, whatever the last look at it found', () => {
    const stack = { parts: [part('postgres', 'embedded')], status: () => [child('postgres', { state: 'backoff' })] }
    assert.equal(describeParts(stack, [], new Map([['postgres', { ok: false, detail: 'x' }]]), '0')[0]?.state, 'backoff')
  })
})
