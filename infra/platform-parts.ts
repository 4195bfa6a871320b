import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Part, PlatformParts } from '../api/deps.ts'
import type { ServiceContext } from '../registry/services/context.ts'
import { readJson } from './private-file.ts'
import { statusFile, type PlatformStatus } from './status-file.ts'

/** The supervisor writes at least every 10 s; an older report is of a platform that is no longer there. */
const FRESH_MS = 45_000
const PROBE_MS = 3_000

interface PlatformPartsDeps {
  readonly dataDir: string
  readonly ctx: ServiceContext
  readonly temporalAddress: string
  readonly version: string
  readonly address: () => string
}

/**
 * What the supervisor last wrote about every part; where this process runs without one, what it reaches itself. Either
 * way three probes of this moment decide whether servers answer.
 */
export function createPlatformParts({ dataDir, ctx, temporalAddress, version, address }: PlatformPartsDeps): PlatformParts {
  return {
    async list() {
      const report = readJson(statusFile(dataDir)) as PlatformStatus | undefined
      if (report && Date.now() - Date.parse(report.updatedAt) < FRESH_MS) return report.parts
      const servers = await Promise.all([
        probe('postgres', async () => { await ctx.pool.query('select 1') }),
        probe('minio', () => ctx.objects.health()),
        probe('temporal', () => reach(temporalAddress)),
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

/** Whether something listens at host:port; the Temporal client would go on trying after this process has closed it. */
function reach(address: string): Promise<void> {
  const at = address.lastIndexOf(':')
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)), timeout: PROBE_MS })
    socket.once('connect', () => { socket.destroy(); resolve() })
    socket.once('timeout', () => { socket.destroy(); reject(new Error('no answer in time')) })
    socket.once('error', reject)
  })
}
