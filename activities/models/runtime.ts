import { createHash } from 'node:crypto'
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus } from 'node:os'
import path from 'node:path'
import { canonicalDigest } from '../../registry/domain/canonical.ts'
import { ROWS_AT_ONCE } from './tensorflow-network.ts'

/** What decides the bits of a score beside its inputs. */
export interface RuntimeFacts {
  readonly node: string
  readonly platform: string
  readonly cpu: { readonly model: string; readonly features: readonly string[] }
  readonly tensorflow: {
    readonly tfjsNode: string
    /** As the set-up noted it, e.g. `library 2.18.1 from the tensorflow-cpu wheel`. */
    readonly library: string | null
    readonly libraryDigest: string | null
    /** oneDNN on or off changes last digits. */
    readonly oneDnn: boolean
    /** Rows are filled up to a multiple of it. */
    readonly rowsAtOnce: number
  }
}

export interface Runtime {
  /** SHA-256 of the facts' canonical JSON. Two scores with the same one can be compared to the bit. */
  readonly digest: string
  readonly facts: RuntimeFacts
}

let known: Runtime | undefined

/** This process's numeric runtime. Does not load TensorFlow; costs some milliseconds at the first call. */
export function runtimeDigest(): Runtime {
  known ??= describe()
  return known
}

function describe(): Runtime {
  const facts: RuntimeFacts = {
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    cpu: { model: cpus()[0]?.model.trim() ?? 'unknown', features: cpuFeatures() },
    tensorflow: tensorflowFacts(),
  }
  return { digest: canonicalDigest(facts), facts }
}

/** Instruction sets by which numeric kernels are chosen; other flags (virtualisation, security) do not touch results. */
const NUMERIC = /^(sse|ssse|avx|fma|f16c|amx|vnni|neon|asimd|sve|bf16|i8mm|fp(hp|16)?$)/

function cpuFeatures(): string[] {
  try {
    const line = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? ''
    return line.split(/\s+/).filter((flag) => NUMERIC.test(flag)).sort()
  } catch {
    return []
  }
}

function tensorflowFacts(): RuntimeFacts['tensorflow'] {
  const manifest = createRequire(import.meta.url).resolve('@tensorflow/tfjs-node/package.json')
  const deps = path.join(path.dirname(manifest), 'deps')
  const version = (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
  const source = path.join(deps, 'SOURCE')
  return {
    tfjsNode: version,
    library: existsSync(source) ? readFileSync(source, 'utf8').trim() : null,
    libraryDigest: libraryDigest(path.join(deps, 'lib')),
    oneDnn: process.env['TF_ENABLE_ONEDNN_OPTS'] !== '0',
    rowsAtOnce: ROWS_AT_ONCE,
  }
}

const SAMPLES = 128
const SAMPLE_BYTES = 32 * 1024

/**
 * Digest over the libraries' sizes and evenly spaced samples of their bytes. They hold half a gigabyte, too much to
 * hash at every start, and another build differs all over: addresses and jump distances change everywhere.
 */
function libraryDigest(lib: string): string | null {
  const hash = createHash('sha256')
  for (const name of ['libtensorflow.so.2', 'libtensorflow_framework.so.2']) {
    const file = path.join(lib, name)
    if (!existsSync(file)) return null
    const fd = openSync(realpathSync(file), 'r')
    try {
      const { size } = fstatSync(fd)
      hash.update(`${name} ${size}\n`)
      const block = Buffer.alloc(SAMPLE_BYTES)
      for (let i = 0; i < SAMPLES; i++) {
        const position = Math.floor((Math.max(0, size - SAMPLE_BYTES) * i) / (SAMPLES - 1))
        hash.update(block.subarray(0, readSync(fd, block, 0, SAMPLE_BYTES, position)))
      }
    } finally {
      closeSync(fd)
    }
  }
  return hash.digest('hex')
}
