import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { Logger } from 'pino'
import { refuse } from '../../registry/domain/errors.ts'
import type { DurableBuffer } from '../buffer/buffer.ts'
import type { GatewayClock } from '../clock.ts'
import type { ConnectorContext, ConnectorKind, SecretReader } from '../connectors/kind.ts'
import type { CutLimits } from '../cut-limits.ts'
import type { Persist } from '../disk-watch.ts'
import type { GapBook } from '../gap-book.ts'
import { createLiveSource, type LiveSource } from '../live-source.ts'
import { createOutlet } from '../outlet.ts'
import { createPresence, type Presence } from '../presence.ts'
import type { RoomKeeper } from '../room-keeper.ts'
import type { Outlet, Source } from '../source.ts'
import { tagMapDigest } from '../tag-map.ts'
import type { SiteAlarms } from './alarms.ts'
import type { FormerRun } from './former-run.ts'
import type { SiteJudging } from './judging.ts'
import type { LiveValues } from './live-values.ts'
import { doubtTimes, type Notes } from './notes.ts'
import type { SitePlan, SourcePlan } from './plan.ts'

export interface SiteSourcesOptions {
  /** What is to run; nothing does before `start`. */
  readonly plan: SitePlan
  readonly buffer: DurableBuffer
  readonly clock: GatewayClock
  readonly gaps: GapBook
  readonly limits: CutLimits
  readonly persist: Persist
  readonly room: RoomKeeper
  readonly notes: Notes
  readonly former: Pick<FormerRun, 'over'>
  /** Whoever looks at readings as they are delivered. */
  readonly values: LiveValues
  readonly alarms: Pick<SiteAlarms, 'follow' | 'see'>
  readonly judging: Pick<SiteJudging, 'take'>
  readonly secret: SecretReader
  readonly log: Logger
  readonly nowUs: () => number
  /** The gateway cannot go on. */
  readonly fail: (error: unknown) => void
}

/** One source at work. */
export interface RunningSource {
  readonly plan: SourcePlan
  readonly source: Source
  readonly live: LiveSource
  readonly presence: Presence
}

/** The sources of a plan at work, each for itself: one that is exchanged is noticed by no other. */
export interface SiteSources {
  start(): void
  /** Stops what is gone or changed, and starts what is new or changed. */
  exchange(next: SitePlan): Promise<void>
  list(): readonly RunningSource[]
  /** As the cutter and the judge want to know of them. */
  active(): { readonly id: string; readonly mode: Source['mode']; readonly silent: boolean }[]
  /** Writes a value at the machine. Refuses (`unavailable`) where the site file does not allow it now, or nothing can be written. */
  write(id: string, address: string, value: number): Promise<void>
  tick(): void
  stop(): Promise<void>
}

export function createSiteSources({ plan: first, buffer, clock, gaps, limits, persist, room, notes, former, values, alarms, judging, secret, log, nowUs, fail }: SiteSourcesOptions): SiteSources {
  let plan = first
  const running = new Map<string, RunningSource & { stop(): Promise<void> }>()

  function start(one: SourcePlan): void {
    const { id, kind, config, map, tags } = one
    const folder = path.join(plan.buffer.directory, 'connectors', id)
    makeFolder(folder, log)
    const source = createSource(kind, config, { id, map, tags, directory: folder, secret, log: log.child({ source: id }), nowUs })
    const presence = createPresence(map, nowUs())
    alarms.follow(id, map)
    values.follow(id, map)
    const ending = new AbortController()
    const outlet = createOutlet({
      buffer, source, limits, nowUs, signal: ending.signal, gaps, persist, ...(source.waits !== true && { room }),
      onDelivered(blocks, mode, kept) {
        notes.presence(presence.seen(blocks, nowUs()), id)
        alarms.see(id, mode, blocks)
        values.see(id, blocks)
        judging.take(kept)
      },
    })
    const doubting: Outlet = {
      ...outlet,
      deliver: (delivery) => outlet.deliver(clock.status().state === 'ok' ? delivery : { ...delivery, blocks: doubtTimes(delivery.blocks, source.time === 'device' ? delivery.gatewayTimed ?? [] : delivery.blocks) }),
    }
    const live = createLiveSource({ source, outlet: doubting, log, nowUs })
    const done = (async () => {
      // What it reads is normalised by its map, also after a restart: the map is there before the first reading.
      await persist(() => buffer.keepDocument(tagMapDigest(map), map), ending.signal)
      await live.run(ending.signal)
    })().catch((error: unknown) => { if (!ending.signal.aborted) fail(error) })
    running.set(id, {
      plan: one, source, live, presence,
      async stop() {
        ending.abort()
        await done
        running.delete(id)
        values.forget(id)
        await former.over(['source_silent'], nowUs(), id)
      },
    })
  }

  return {
    start() { for (const source of plan.sources) start(source) },
    async exchange(next) {
      const before = plan
      const known = new Map(before.sources.map((source) => [source.id, source]))
      const changed = next.sources.filter(({ id, digest }) => known.get(id)?.digest !== digest)
      const gone = before.sources.filter(({ id }) => !next.sources.some((source) => source.id === id))
      await Promise.all([...changed, ...gone].map(async ({ id }) => running.get(id)?.stop()))
      plan = next
      for (const source of changed) start(source)
    },
    list: () => [...running.values()],
    active: () => [...running.values()].map(({ source, presence }) => ({ id: source.id, mode: source.mode, silent: presence.allSilent(nowUs()) })),
    async write(id, address, value) {
      // Asked each time: the plan in force may have taken the permission back, for which no source is exchanged.
      const allowed = plan.sources.find((source) => source.id === id)?.writable.includes(address) === true
      const { source } = running.get(id) ?? {}
      if (!allowed || !source?.write) return refuse('unavailable', `${id} lets ${address} not be written now`)
      await source.write(address, value)
    },
    tick() {
      for (const [id, { presence }] of running) notes.presence(presence.tick(nowUs()), id)
    },
    async stop() { await Promise.allSettled([...running.values()].map((source) => source.stop())) },
  }
}

/** Whoever needs it says so when it is not there; most do not. */
function makeFolder(directory: string, log: Logger): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch (error) {
    log.warn({ err: error }, 'the folder of a connector could not be made')
  }
}

/** A connector that cannot even be made (a secret is missing) is one that is down: it is tried again as others are. */
function createSource(kind: ConnectorKind, config: unknown, context: ConnectorContext): Source {
  try {
    return kind.create(config, context)
  } catch {
    return { id: context.id, mode: 'live', map: context.map, run: async (outlet, signal) => kind.create(config, context).run(outlet, signal) }
  }
}
