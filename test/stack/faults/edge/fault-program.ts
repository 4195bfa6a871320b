/**
 * A gateway by its site file, as `edge run` runs it, with two things beside that faults need: a source that counts
 * (`type: counting`), and times that suit a test (`FAULT_OPTIONS`, JSON). `update FILE KEYS SITE` installs an update.
 */
import { readFileSync } from 'node:fs'
import { BUFFER_FORMAT } from '../../../../edge/buffer/format.ts'
import { createTrustedKeys } from '../../../../edge/judge/trusted-keys.ts'
import { openPrograms, programsFolder } from '../../../../edge/launch/programs.ts'
import { tellLauncher } from '../../../../edge/launch/tell.ts'
import { connectorKinds } from '../../../../edge/connectors/index.ts'
import { runSiteFile } from '../../../../edge/site/run-site-file.ts'
import type { RunSiteFileOptions } from '../../../../edge/site/run-site-file.ts'
import type { RunSiteOptions } from '../../../../edge/site/run-site.ts'
import { installUpdate } from '../../../../edge/update/install.ts'
import type { ClockSources } from '../../../../edge/clock.ts'
import { openEdgeLog } from '../../../../infra/edge-log.ts'
import { stopOnSignal } from '../../../../infra/stop-on-signal.ts'
import { countingKind } from './counting-kind.ts'

export interface FaultOptions extends Pick<RunSiteOptions, 'cut' | 'uplink' | 'reportEveryMs'>, Pick<RunSiteFileOptions, 'tryTimes'> {
  /** The gateway's time: begins here, and runs so much faster than time does, until it is now. */
  readonly clock?: { readonly startUs: number; readonly speed: number }
}

function hurriedClock({ startUs, speed }: NonNullable<FaultOptions['clock']>): ClockSources {
  const beganUs = performance.now() * 1000
  const us = () => Math.min(Date.now() * 1000, startUs + (performance.now() * 1000 - beganUs) * speed)
  return { systemUs: us, evenUs: us }
}

/** Set where it is bundled. */
declare const TWINWARD_EDGE_VERSION: string | undefined

const version = typeof TWINWARD_EDGE_VERSION === 'undefined' ? 'test' : TWINWARD_EDGE_VERSION
const [verb, file = '', keys = '', site = ''] = process.argv.slice(2)
if (verb === 'update') {
  installUpdate(readFileSync(file), {
    programs: openPrograms(programsFolder(process.env, site)), check: createTrustedKeys(keys).check, installed: { version, issue: null, buffer: BUFFER_FORMAT },
    machine: { platform: process.platform, arch: process.arch, node: process.versions.node },
  }, { allowOlder: true })
  process.exit(0)
}

const { clock, ...options } = JSON.parse(process.env['FAULT_OPTIONS'] ?? '{}') as FaultOptions
const runner = await runSiteFile({
  file: process.argv.at(-1) ?? '', env: process.env, version, openLog: openEdgeLog(process.env), pollMs: 100,
  kinds: { ...connectorKinds, counting: () => Promise.resolve(countingKind) }, ...options, ...(clock && { clocks: hurriedClock(clock) }),
})
stopOnSignal(() => runner.stop(), ['SIGINT', 'SIGTERM'])
tellLauncher(runner, { env: process.env, send: (word) => { process.send?.(word) }, onAlone: () => { process.exit(1) } })
await runner.ended
await new Promise<never>(() => {})
