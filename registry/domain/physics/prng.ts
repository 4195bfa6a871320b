/**
 * Randomness of simulated machines: seeded, and by random access where it matters. The value at an index never depends
 * on what was asked before, so a plant can be cut into batches, resumed and replayed without changing a reading.
 */

/** A number stream by index: the same (seed, name, index) always gives the same figure. */
export interface Noise {
  /** Uniform in [0, 1) with 53 random bits. */
  uniform(index: number): number
  /** Standard normal (Box–Muller on two uniforms of the same index). */
  normal(index: number): number
}

/**
 * Noise of one signal. `index` is any safe integer (a time step, a reading number). Each figure is a hash of
 * (seed, name, index) by the finaliser of MurmurHash3 (A. Appleby, public domain), applied twice per word.
 */
export function createNoise(seed: number, name: string): Noise {
  const key = hashText(name, seed)
  const other = mix(key ^ 0x9e3779b9)
  const word = (index: number, salt: number) => {
    const low = index | 0
    const high = Math.floor(index / 2 ** 32) | 0
    return mix(mix(Math.imul(low, 0x85ebca6b) ^ key ^ salt) ^ Math.imul(high, 0xc2b2ae35) ^ other ^ low) >>> 0
  }
  const uniform = (index: number, salt: number) => (word(index, salt) >>> 5) * 2 ** -27 + (word(index, salt ^ 0x5bd1e995) >>> 6) * 2 ** -53
  return {
    uniform: (index) => uniform(index, 0),
    normal(index) {
      // 1 − u lies in (0, 1], so the logarithm is finite.
      const radius = Math.sqrt(-2 * Math.log(1 - uniform(index, 0x27d4eb2f)))
      return radius * Math.cos(2 * Math.PI * uniform(index, 0x165667b1))
    },
  }
}

/** A sequential generator: fast, for the many samples of one block whose seed is itself a hash of the block's index. */
export interface Generator {
  /** Uniform in [0, 1) with 32 random bits. */
  uniform(): number
  normal(): number
}

/**
 * sfc32 ("small fast counter", C. Doty-Humphrey, PractRand): 128 bits of state, period at least 2³². Started by
 * (seed, name, block), so that block `n` of a signal can be made without the blocks before it.
 */
export function createGenerator(seed: number, name: string, block: number): Generator {
  const key = hashText(name, seed)
  let a = mix(key ^ (block | 0))
  let b = mix(key + 0x6d2b79f5 ^ Math.floor(block / 2 ** 32))
  let c = mix(a ^ Math.imul(b, 0x9e3779b1))
  let counter = 1
  const next = () => {
    const t = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + t) | 0
    return t >>> 0
  }
  for (let i = 0; i < 12; i++) next()
  let spare = NaN
  return {
    uniform: () => next() * 2 ** -32,
    normal() {
      if (!Number.isNaN(spare)) {
        const kept = spare
        spare = NaN
        return kept
      }
      const radius = Math.sqrt(-2 * Math.log((next() + 0.5) * 2 ** -32))
      const angle = 2 * Math.PI * (next() * 2 ** -32)
      spare = radius * Math.sin(angle)
      return radius * Math.cos(angle)
    },
  }
}

/** A 32-bit hash of a text and a seed (FNV-1a over UTF-16 code units, then mixed). */
export function hashText(text: string, seed: number): number {
  let h = mix((seed | 0) ^ Math.imul(Math.floor(seed / 2 ** 32) | 0, 0x9e3779b1) ^ 0x811c9dc5)
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return mix(h) >>> 0
}

/** MurmurHash3's 32-bit finaliser: a bijection in which every input bit reaches every output bit. */
function mix(value: number): number {
  let h = value | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
