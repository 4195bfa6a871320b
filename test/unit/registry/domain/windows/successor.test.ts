import assert from 'node:assert/strict'
import { test } from 'node:test'
import { foldWatermark, type SourceBatch } from '../../../../../registry/domain/windows/watermark.ts'

const batch = (commitNumber: number, source: string, completeThroughUs: number, receivedUs = commitNumber): SourceBatch =>
  ({ commitNumber, source, completeThroughUs, receivedUs })
const fold = (batches: SourceBatch[], waiting: { source: string; receivedUs: number }[] = []) => {
  const feedsSince = new Map<string, number>()
  for (const { source, commitNumber } of batches) if (!feedsSince.has(source)) feedsSince.set(source, commitNumber)
  return foldWatermark({ states: {}, batches, feedsSince, waiting, idleTimeoutUs: 1000 }).steps.map(({ watermarkUs }) => watermarkUs)
}

test('a later epoch of the same gateway takes the place of the former', () => {
  assert.deepEqual(fold([batch(1, 'import/a', 10), batch(2, 'import/a', 20), batch(3, 'import/b', 90)]), [10, 20, 90])
})

test('another gateway takes nobody\'s place', () => {
  assert.deepEqual(fold([batch(1, 'gw-1/a', 10), batch(2, 'gw-2/b', 90)]), [10, 10])
})

test('the former counts as long as it has batches on their way, and when it speaks again', () => {
  assert.deepEqual(fold([batch(1, 'gw/a', 10, 1), batch(2, 'gw/b', 90, 3), batch(3, 'gw/a', 20, 2), batch(4, 'gw/b', 95, 4)]), [10, 10, 90, 95])
  assert.deepEqual(fold([batch(1, 'gw/a', 10, 1), batch(2, 'gw/b', 90, 3)], [{ source: 'gw/a', receivedUs: 2 }]), [10, 10])
  assert.deepEqual(fold([batch(1, 'gw/a', 10), batch(2, 'gw/b', 90), batch(3, 'gw/a', 20)]), [10, 90, 20])
})
