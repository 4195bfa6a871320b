import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { MqttConnection } from '../../../../infra/config.ts'
import { runsOf, type SourceAccount } from '../../../helpers/accounts.ts'
import { startEdge, type EdgeProcess } from '../../../helpers/edge-process.ts'
import { edgeProgram, type EdgeProgram } from '../../../helpers/edge-program.ts'
import type { FaultOptions } from './fault-program.ts'

/** Programs as they are deployed: bundled, so that a life may be short. */
export type Programs = Readonly<Record<EdgeProgram, readonly string[]>>

export async function bundlePrograms(): Promise<Programs> {
  const [run, faults] = [await edgeProgram('run'), await edgeProgram('faults')]
  return { run: [path.join(run, 'twinward-edge.mjs'), 'run'], faults: [path.join(faults, 'twinward-edge.mjs')] }
}

/** A box at a plant: its folder with site file and buffer, and the gateway that runs there, or is dead. */
export interface Box {
  readonly directory: string
  readonly buffer: string
  /** Puts the file in place at once, as editors do. */
  write(siteFile: string): void
  start(env?: NodeJS.ProcessEnv): Promise<EdgeProcess>
  /** One life of the gateway: kill -9 so long after it was born, or after it said that it is ready. */
  liveAndDie(after: 'birth' | 'ready', ms: number): Promise<void>
  /** Ends what runs and removes the folder. */
  clear(): Promise<void>
}

export interface BoxOptions {
  readonly program: readonly string[]
  readonly mqtt: MqttConnection
  readonly options?: FaultOptions
  /** Where it lies; a folder of its own unless told. */
  readonly directory?: string
  /** A command that runs it, in another namespace for one. */
  readonly through?: readonly string[]
}

/** Reconnects, resends, cuts and reports sooner than a plant would want it. */
export const quick: FaultOptions = {
  cut: { rows: 2_000, waitMs: 50 }, reportEveryMs: 300,
  uplink: { acknowledgementTimeoutMs: 1_500, reconnectFirstMs: 50, reconnectMaxMs: 500, connectTimeoutMs: 2_000, keepaliveSeconds: 2 },
}

/** As quick, but ships less often: where gateways run for minutes beside a platform, and what they do is not about shipping. */
export const leisurely: FaultOptions = { ...quick, cut: { rows: 2_000, waitMs: 500 } }

export function openBox({ program, mqtt, options = quick, directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-box-')), through = [] }: BoxOptions): Box {
  const file = path.join(directory, 'site.yaml')
  const started: EdgeProcess[] = []
  const { url, username = '', password = '' } = mqtt
  const settings = { MQTT_URL: url, MQTT_USERNAME: username, MQTT_PASSWORD: password, FAULT_OPTIONS: JSON.stringify(options), LOG_LEVEL: 'warn' }
  return {
    directory,
    buffer: path.join(directory, 'buffer'),
    write(text) {
      writeFileSync(`${file}.new`, text)
      renameSync(`${file}.new`, file)
    },
    async start(env = {}) {
      const edge = await startEdge([...program, file], { ...settings, ...env }, undefined, through)
      started.push(edge)
      return edge
    },
    async liveAndDie(after, ms) {
      const child = spawn(process.execPath, [...program, file], { env: { PATH: process.env['PATH'], ...settings }, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
      let said = ''
      child.stderr?.on('data', (chunk: Buffer) => { said += chunk.toString() })
      const gone = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
      if (after === 'ready') await Promise.race([once(child, 'message'), gone])
      const timer = setTimeout(() => { child.kill('SIGKILL') }, ms)
      const [code, signal] = await gone
      clearTimeout(timer)
      if (signal !== 'SIGKILL') throw new Error(`the gateway ended by itself (${code ?? signal}) before it was killed:\n${said}`)
    },
    async clear() {
      for (const edge of started) if (edge.child.exitCode === null && edge.child.signalCode === null) await edge.stop('SIGKILL')
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

export interface CountingSite {
  readonly site: string
  readonly gateway: string
  readonly asset: string
  readonly tags: number
  readonly waveforms?: number
  readonly startUs: number
  readonly stepUs: number
  readonly rounds: number
  readonly block?: number
  /** Keys of the site file beside those; other sources. */
  readonly more?: string
  readonly sources?: string
}

/** As the counting source has it, unless told. */
const WAVE_EVERY = 600

export const scalarTag = (asset: string, i: number) => `${asset}/n${i}`
export const waveTag = (asset: string, i: number) => `${asset}/w${i}`

/** A site file with one counting source. */
export function countingSite({ site, gateway, asset, tags, waveforms = 0, startUs, stepUs, rounds, block = 1, more = '', sources = '' }: CountingSite): string {
  return `version: 1
site: ${site}
gateway: ${gateway}
health: { listen: "127.0.0.1:0" }
${more}
sources:
  - id: ${asset}
    type: counting
    start: ${startUs}
    step: ${stepUs}
    rounds: ${rounds}
    block: ${block}
    tags:
${Array.from({ length: tags }, (_, i) => `      - { tag: ${scalarTag(asset, i)}, address: n${i}, unit: "1" }`).join('\n')}
${Array.from({ length: waveforms }, (_, i) => `      - { tag: ${waveTag(asset, i)}, address: w${i}, kind: waveform, unit: "1" }`).join('\n')}
${sources}`
}

/** So long a gateway with much to do may take to read its site file anew. */
const READ_ANEW_US = 3_000_000

/** The number of rounds after which the source comes to its end: soon, and not before the gateway knows. */
export const roundsToEnd = ({ startUs, stepUs }: CountingSite): number => Math.ceil((Date.now() * 1000 - startUs + READ_ANEW_US) / stepUs)

/** What the counting source of that file has given when it has come to its end. */
export function countingAccounts({ asset, tags, waveforms = 0, startUs, stepUs }: CountingSite, rounds: number): SourceAccount[] {
  const timeOf = (raw: number) => startUs + raw * stepUs
  const recorded = runsOf(Array.from({ length: Math.ceil(rounds / WAVE_EVERY) }, (_, i) => i * WAVE_EVERY))
  return [
    ...Array.from({ length: tags }, (_, i) => ({ tag: scalarTag(asset, i), given: [{ first: 0, last: rounds - 1 }], timeOf })),
    ...Array.from({ length: waveforms }, (_, i) => ({ tag: waveTag(asset, i), given: recorded, timeOf })),
  ]
}
