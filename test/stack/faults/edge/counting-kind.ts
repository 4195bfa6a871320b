import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { ConnectorKind } from '../../../../edge/connectors/kind.ts'
import type { Block, RawWaveform, ReadingsBlock } from '../../../../edge/raw-entry.ts'

const configSchema = z.strictObject({
  /** UTC microseconds of round 0, and from one round to the next. */
  start: z.int(),
  step: z.int().positive(),
  /** How many there are. */
  rounds: z.int().positive(),
  /** Rounds delivered together, as soon as the last of them is due. */
  block: z.int().positive().default(1),
  /** A waveform tag gives one each so many rounds. */
  waveEvery: z.int().positive().default(600),
})
type CountingConfig = z.infer<typeof configSchema>

const SAMPLES = 256

/**
 * A machine that remembers: round n is due at start + n · step, every tag has the value n then, and after a restart it goes
 * on from where the buffer says that it has been read. Addresses are any names.
 */
export const countingKind: ConnectorKind<CountingConfig> = {
  type: 'counting',
  config: configSchema,
  checkAddress: () => {},
  create: (config, { id, map, tags, nowUs }) => ({
    id, mode: 'live', map, time: 'device',
    async run(outlet, signal) {
      const addressesOf = (kind: 'scalar' | 'waveform') => tags.filter((tag) => tag.kind === kind).map(({ address }) => address)
      const [scalars, waveforms] = [addressesOf('scalar'), addressesOf('waveform')]
      let round = (outlet.position(id) as number | undefined) ?? 0
      while (round < config.rounds && !signal.aborted) {
        const end = Math.min(config.rounds, round + config.block)
        const throughUs = config.start + (end - 1) * config.step
        if (throughUs > nowUs()) {
          await sleep(5, undefined, { signal }).catch(() => {})
          continue
        }
        const blocks: Block[] = [readings(config, scalars, round, end), { kind: 'waveforms', rows: recordings(config, waveforms, round, end) }]
        await outlet.deliver({ blocks, completeThroughUs: throughUs, position: { key: id, value: end } })
        round = end
      }
      while (!signal.aborted) await sleep(1_000, undefined, { signal }).catch(() => {})
    },
  }),
}

function readings({ start, step }: CountingConfig, addresses: readonly string[], from: number, to: number): ReadingsBlock {
  const n = (to - from) * addresses.length
  const block = { kind: 'readings' as const, addresses, address: new Uint16Array(n), sourceUs: new Float64Array(n), raw: new Float64Array(n), quality: new Uint16Array(n) }
  for (let i = 0; i < n; i++) {
    const round = from + Math.floor(i / addresses.length)
    block.address[i] = i % addresses.length
    block.sourceUs[i] = start + round * step
    block.raw[i] = round
  }
  return block
}

function recordings({ start, step, waveEvery }: CountingConfig, addresses: readonly string[], from: number, to: number): RawWaveform[] {
  const rounds = Array.from({ length: to - from }, (_, i) => from + i).filter((round) => round % waveEvery === 0)
  return rounds.flatMap((round) => addresses.map((address) => ({ address, startUs: start + round * step, intervalUs: 100, quality: 0, samples: new Float32Array(SAMPLES).fill(round) })))
}
