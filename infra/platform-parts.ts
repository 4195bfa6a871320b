import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '@temporalio/client'
import type { Part, PlatformParts } from '../api/deps.ts'
import type { ServiceContext } from '../registry/services/context.ts'
import { readJson } from './private-file.ts'
import { statusFile, type PlatformStatus } from './status.ts'

/** The supervisor writes at least every 10 s; an older report is of a platform that is no longer there. */
const FRESH_MS = 45_000
const PROBE_MS = 3_000

interface PlatformPartsDeps {
  readonly dataDir: string
  readonly ctx: ServiceContext
  readonly temporal: Client
  readonly version: string
  readonly address: () => string
}

/**
 * What the supervisor last wrote about every part; where this process runs without one, what it reaches itself. Either
 * way three probes of this moment decide whether servers answer.
 */
export function createPlatformParts({ dataDir, ctx, temporal, version, address }: PlatformPartsDeps): PlatformParts {
  return {
    async list() {
      const report = readJson(statusFile(dataDir)) as PlatformStatus | undefined
      if (report && Date.now() - Date.parse(report.updatedAt) < FRESH_MS) return report.parts
      const servers = await Promise.all([
        probe('postgres', async () => { await ctx.pool.query('select 1') }),
        probe('minio', () => ctx.objects.health()),
        probe('temporal', async () => {
          await temporal.withDeadline(Date.now() + PROBE_MS, () => temporal.connection.workflowService.getSystemInfo({}))
        }),
      ])
      return [
        ...servers,
        { name: 'api', kind: 'process', state: 'running', version, address: address(), restarts: 0 },
      ]
    },
  }
}

async function probe(name: string, look: () => Promise<void>): Promise<Part> {
  try {
    const tooLate = sleep(PROBE_MS, undefined, { ref: false }).then(() => { throw new Error('no answer in time') })
    tooLate.catch(() => undefined)
    await Promise.race([look(), tooLate])
    return { name, kind: 'external', state: 'running', restarts: 0 }
  } catch {
    // Why is in the log of whoever needed it; a message of a driver may name more than a viewer should read.
    return { name, kind: 'external', state: 'unreachable', restarts: 0, detail: 'does not answer' }
  }
}
