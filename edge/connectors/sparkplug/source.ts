import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Outlet, Source, SourceHealth } from '../../source.ts'
import { createQueues } from '../../turns.ts'
import type { ConnectorContext } from '../kind.ts'
import { inBlocks } from '../blocks.ts'
import { createProgress } from '../progress.ts'
import { openSession, type Session } from '../mqtt/session.ts'
import { shown } from '../shown.ts'
import { createSuspects } from '../suspects.ts'
import type { SparkplugConfig } from './config.ts'
import { newCounters } from './counters.ts'
import { createHost, type Host, type Outcome } from './host.ts'
import { encodeRebirth } from './payload.ts'
import { tagsByNode } from './tags.ts'

/** After the start, nodes that follow our STATE are born by themselves. */
const FIRST_ASK_MS = 3_000
const DEVICES_MS = 10_000
const TICK_MS = 200

export function createSparkplugSource(config: SparkplugConfig, context: ConnectorContext): Source {
  const { id, map, log } = context
  const nowUs = () => context.nowUs()
  const nowMs = () => performance.now()
  const nodes = tagsByNode(context.tags)
  const counters = newCounters()
  const suspects = createSuspects(log, nowMs)
  const refused = new Map<string, string>()
  const missing = new Map<string, number>()
  const progress = createProgress((config.lateness + config.reorderTimeout) * 1_000)
  const positionKey = `sparkplug/${id}`
  /** From when on something is missing once the connection is lost. */
  let heardUs: number | null = null
  const clientId = config.clientId ?? `twinward-${randomBytes(6).toString('hex')}`
  const stateTopic = config.primaryHost === undefined ? null : `spBv1.0/STATE/${config.primaryHost}`
  let host: Host | null = null

  return {
    id,
    mode: 'live',
    time: 'device',
    map,
    health: () => describe(),

    async run(outlet, signal) {
      const bornMs = Math.trunc(nowUs() / 1_000)
      const said = (online: boolean, timestamp: number) => JSON.stringify({ online, timestamp })
      const mine = createHost({
        nodes, maxPayload: config.maxPayload, primaryHost: config.primaryHost, refused, counters, suspects, missing, progress, nowUs, nowMs,
        rules: { reorderMs: config.reorderTimeout, rebirthMs: config.rebirth.every, devicesMs: DEVICES_MS },
        firstAskMs: config.rebirth.atStart ? nowMs() + FIRST_ASK_MS : null,
      })
      // What waits on the disk must not be overtaken.
      const inTurn = createQueues()
      let session: Session | null = null
      let announced = false
      const carryOut = (outcome: Outcome) => deliver(outlet, outcome).then(async () => {
        for (const { group, node } of outcome.rebirths) {
          log.info({ group, node }, 'asking the edge node for its birth')
          await session?.publish(`spBv1.0/${group}/NCMD/${node}`, encodeRebirth(nowUs() / 1_000), { qos: 0, retain: false })
        }
        // Someone, or the will of a connection before this one, said otherwise (tck-id-host-topic-phid-birth).
        if (outcome.deniedState && stateTopic !== null && announced && !signal.aborted) await session?.publish(stateTopic, said(true, bornMs), { qos: 1, retain: true })
      })
      try {
        session = await openSession({
          broker: config, clientId, clean: true, signal,
          ...(stateTopic !== null && { will: { topic: stateTopic, payload: said(false, bornMs) } }),
          hear: (arrivals) => inTurn(id, () => carryOut(mine.hear(arrivals))),
        }, context)
        counters.connections++
        const groups = new Set([...nodes.values()].map(({ group }) => `spBv1.0/${group}/#`))
        await session.subscribe([...(stateTopic === null ? [] : [stateTopic]), ...groups], 1)
        if (stateTopic !== null) await session.publish(stateTopic, said(true, bornMs), { qos: 1, retain: true })
        announced = true
        await noteAbsence(outlet)
        host = mine
        outlet.connected()
        await Promise.race([session.over, ticking(() => inTurn(id, () => carryOut(mine.tick())), signal, session.over)])
      } catch (error) {
        if (!signal.aborted) throw error
      } finally {
        if (session && announced && stateTopic !== null && signal.aborted) {
          const offline = said(false, Math.trunc(nowUs() / 1_000))
          await Promise.race([session.publish(stateTopic, offline, { qos: 1, retain: true }).catch(() => {}), sleep(500, undefined, { ref: false })])
        }
        await session?.end()
      }
    },
  }

  async function deliver(outlet: Outlet, { live, backfill, losses }: Outcome): Promise<void> {
    if (live.length > 0) {
      heardUs = progress.missingFromUs(nowUs(), nowMs())
      const completeThroughUs = progress.throughUs(nowUs(), nowMs())
      await outlet.deliver({ blocks: inBlocks(live), position: { key: positionKey, value: { heardUs } }, ...(completeThroughUs !== undefined && { completeThroughUs }) })
    }
    if (backfill.length > 0) await outlet.deliver({ mode: 'backfill', blocks: inBlocks(backfill) })
    for (const loss of losses) {
      await outlet.lost({ ...loss, rows: null, cause: 'source_silent', detail: 'messages of the edge node were lost on the way; it was born again' })
    }
  }

  /** Nodes send whether anybody listens or not: what came between two connections, nobody has. */
  async function noteAbsence(outlet: Outlet): Promise<void> {
    const fromUs = heardUs ?? (outlet.position(positionKey) as { heardUs?: number } | undefined)?.heardUs
    if (fromUs === undefined) return
    heardUs = nowUs()
    const addresses = [...nodes.values()].flatMap((node) => node.addresses)
    await outlet.lost({ addresses, fromUs, toUs: heardUs, rows: null, cause: 'source_silent', detail: 'the gateway was not connected to the broker; what an edge node kept for its host follows as history' })
  }

  function describe(): SourceHealth {
    const phases = [...host?.phases() ?? []]
    const absent = phases.filter(([, phase]) => phase !== 'online')
    const gauges = { nodes_online: phases.length - absent.length, nodes_absent: absent.length, addresses_refused: refused.size }
    const details = [
      ...shown(absent.map(([key, phase]) => `edge node ${key} ${phase === 'offline' ? 'is offline' : 'has not been born yet'}`)),
      ...shown([...refused].map(([address, why]) => `${address} is not read: ${why}`)),
      ...[suspects.describe()].filter((text) => text !== null),
    ]
    const starting = host === null || (counters.births === 0 && refused.size === 0)
    return { state: starting ? 'starting' : details.length > 0 ? 'degraded' : 'ok', detail: details.length > 0 ? details.join('; ') : null, counters: { ...counters, ...gauges } }
  }
}

async function ticking(tick: () => Promise<void>, signal: AbortSignal, over: Promise<void>): Promise<void> {
  let done = false
  const end = () => { done = true }
  over.then(end, end)
  while (!done && !signal.aborted) {
    await sleep(TICK_MS, undefined, { signal }).catch(() => {})
    if (!done && !signal.aborted) await tick()
  }
  await over
}
