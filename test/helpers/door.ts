import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { pino } from 'pino'
import { startDoor, type Door, type DoorOptions } from '../../infra/door/door.ts'
import { openAuthority, type PlatformAuthority } from '../../infra/gateway-ca/authority.ts'
import { createIdentityStore, type IdentityStore } from '../../edge/identity/store.ts'
import { platformActor } from '../../registry/domain/access/rights.ts'
import type { ServiceContext } from '../../registry/services/context.ts'
import { enrolGateway } from '../../registry/services/gateways/enrol-gateway.ts'
import { useStack } from './stack.ts'
import { createIngestPlant, type IngestPlant } from './ingest-plant.ts'

export interface TestDoor {
  readonly plant: IngestPlant
  readonly ctx: ServiceContext
  readonly door: Door
  readonly authority: PlatformAuthority
  readonly dataDir: string
  /** What the door logged, and all of it as one text. */
  readonly lines: readonly Record<string, unknown>[]
  readonly log: () => string
  /** The platform's clock goes on from here. */
  pass(us: number): void
  token(gateway: string, options?: { site?: string; validHours?: number }): Promise<string>
  /** A box's folder for its identity. */
  box(name: string, passphrase?: string): IdentityStore & { readonly folder: string }
  readonly reopen: (options?: Partial<DoorOptions>) => Promise<Door>
  /** Runs before door and folder go: what was said last comes first. A test's own `after` runs behind theirs. */
  readonly beforeEnd: (close: () => Promise<unknown>) => void
}

export const actor = platformActor('test')

/** A door on free ports over a database of its own, with a clock that can be set on. */
export async function startTestDoor(t: TestContext, options: Partial<DoorOptions> & { lifeDays?: number; yours?: { certificateFile: string; keyFile: string } } = {}): Promise<TestDoor> {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'twinward-door-'))
  let passed = 0
  const nowUs = () => Date.now() * 1000 + passed
  const plant = await createIngestPlant({ nowUs })
  const lines: Record<string, unknown>[] = []
  let all = ''
  const log = pino({ level: 'debug' }, {
    write: (line: string) => {
      all += line
      lines.push(JSON.parse(line) as Record<string, unknown>)
    },
  })
  const { lifeDays, yours, ...rest } = options
  const { mqtt } = (await useStack()).connections
  const authority = await openAuthority({ dataDir, nowUs, ...(lifeDays !== undefined && { lifeDays }), ...(yours && { yours }) })
  const doors: Door[] = []
  async function open(more: Partial<DoorOptions> = {}): Promise<Door> {
    const door = await startDoor({ ctx: plant.ctx, authority, config: { host: '127.0.0.1', name: '127.0.0.1', port: 0, mqttPort: 0 }, mqtt, log, ...rest, ...more })
    doors.push(door)
    return door
  }
  const closing: (() => Promise<unknown>)[] = []
  t.after(async () => {
    for (const close of closing.reverse()) await close()
    for (const one of doors) await one.stop()
    await plant.drop()
    rmSync(dataDir, { recursive: true, force: true })
  })
  const door = await open()
  return {
    plant, ctx: plant.ctx, authority, dataDir, lines, log: () => all, door,
    pass: (us) => { passed += us },
    async token(gateway, { site = plant.site, validHours } = {}) {
      const made = await enrolGateway({ ...plant.ctx, door: { address: doors.at(-1)?.address ?? '', pins: authority.pins } }, actor, { site, gateway, ...(validHours !== undefined && { validHours }) })
      return made.token
    },
    box(name, passphrase) {
      const folder = path.join(dataDir, 'boxes', name, 'identity')
      return { ...createIdentityStore(folder, passphrase ?? null), folder }
    },
    reopen: open,
    beforeEnd: (close) => { closing.push(close) },
  }
}

export const readText = (file: string): string => readFileSync(file, 'utf8')
