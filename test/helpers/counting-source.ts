import type { Mode } from '../../registry/domain/contract/batch.ts'
import type { Source } from '../../edge/source.ts'

/** A finite source whose every reading can be told from its index: tag i mod `tags`, one step of time per round. */
export function countingSource({ id = 'count', tags = 10, rounds, roundsPerBlock = 10, startUs = 1_700_000_000_000_000, mode = 'live' }: {
  id?: string; tags?: number; rounds: number; roundsPerBlock?: number; startUs?: number; mode?: Mode
}): Source {
  const addresses = Array.from({ length: tags }, (_, i) => `${id}:${i}`)
  return {
    id,
    mode,
    map: {
      version: 1,
      tags: addresses.map((address, i) => ({ address, tag: `machine-1/${id}-${i}`, kind: 'scalar', unit: '[degF]', canonicalUnit: 'Cel', scale: 1, offset: 0 })),
    },
    async run(outlet, signal) {
      let round = (outlet.position(id) as { round: number } | undefined)?.round ?? 0
      while (round < rounds && !signal.aborted) {
        const end = Math.min(rounds, round + roundsPerBlock)
        const n = (end - round) * tags
        const block = {
          kind: 'readings' as const, addresses,
          address: new Uint16Array(n), sourceUs: new Float64Array(n), raw: new Float64Array(n), quality: new Uint16Array(n),
        }
        for (let i = 0, r = round; r < end; r++) {
          for (let t = 0; t < tags; t++, i++) {
            block.address[i] = t
            block.sourceUs[i] = startUs + r * 1_000_000
            block.raw[i] = r * tags + t
          }
        }
        round = end
        await outlet.deliver({ blocks: [block], completeThroughUs: startUs + (end - 1) * 1_000_000, position: { key: id, value: { round } } })
      }
    },
  }
}
