import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { GatewayCommand } from '../../../registry/domain/contract/gateway-report.ts'
import { startBroker } from '../../helpers/broker.ts'
import { startReceiver } from '../../helpers/receiver.ts'
import { startReportDesk } from '../../helpers/report-desk.ts'
import { rampMachine, startSite } from '../../helpers/site-gateway.ts'

test('an order that only a newer platform knows is declined, and those beside it are carried out', async (t) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-newer-'))
  const broker = await startBroker()
  const receiver = await startReceiver(broker.connection, 'works', 'gw-1')
  const desk = await startReportDesk(broker.connection, 'works', 'gw-1')
  const site = await startSite({ directory, mqtt: broker.connection, tags: [{ address: 'a', tag: 'pump-1/a' }], machine: rampMachine(['a'], 10), buffer: { keepRaw: { ageMs: 3_600_000, bytes: 16 << 20 } } })
  t.after(async () => {
    await site.stop()
    await receiver.close()
    await desk.close()
    await broker.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const nowUs = Date.now() * 1000
  desk.commands = [
    { id: 'c-1', kind: 'restart-source', source: 'plc', urgency: 3 } as unknown as GatewayCommand,
    { id: 'c-2', kind: 'recall', tags: ['pump-1/a'], fromUs: nowUs - 60_000_000, toUs: nowUs + 60_000_000, colour: 'blue' } as GatewayCommand,
  ]
  const outcomeOf = (id: string) => desk.reports.flatMap(({ commands }) => commands).findLast((command) => command.id === id)
  for (const endMs = performance.now() + 60_000; outcomeOf('c-1') === undefined || outcomeOf('c-2')?.state !== 'done';) {
    assert.ok(performance.now() < endMs, JSON.stringify([outcomeOf('c-1'), outcomeOf('c-2')]))
    await new Promise((resolve) => { setTimeout(resolve, 50) })
  }
  assert.deepEqual([outcomeOf('c-1')?.state, outcomeOf('c-1')?.detail], ['refused', 'this gateway knows no order of kind restart-source, or not of this shape; update it'])
})
