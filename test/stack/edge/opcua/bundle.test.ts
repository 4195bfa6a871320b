import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { MessageSecurityMode, SecurityPolicy } from 'node-opcua-client'
import { startPlant, temporaryFolder } from '../../../helpers/opcua-plant.ts'

const root = path.join(import.meta.dirname, '../../../..')

const program = `
import pino from 'pino'
import { opcUa } from './edge/connectors/opcua/index.ts'
const [endpoint, address] = process.argv.slice(2)
const config = opcUa.config.parse({ endpoint, trustOnFirstUse: true })
const tags = [{ address, tag: 'a/b', kind: 'scalar', everyMs: null, deadband: null }]
const source = opcUa.create(config, { id: 'x', map: { version: 1, tags: [] }, tags, directory: './own', secret: () => '', log: pino({ level: 'silent' }), nowUs: () => Date.now() * 1000 })
const stop = new AbortController()
const deliver = async ({ blocks }) => {
  if (blocks.length === 0) return
  process.stdout.write(String(blocks[0].raw[0]))
  stop.abort()
}
await source.run({ position: () => undefined, connected() {}, deliver }, stop.signal)
`

test('the connector runs as one file in a folder without packages, encrypted', async (t) => {
  const plant = await startPlant(t, ['Temp'], { securityModes: [MessageSecurityMode.SignAndEncrypt], securityPolicies: [SecurityPolicy.Basic256Sha256] })
  plant.set('Temp', 42)
  const folder = await temporaryFolder(t)
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: root, loader: 'js' }, bundle: true, write: false, platform: 'node', format: 'esm', target: 'node20', logLevel: 'silent',
    // An optional other way to lock files, asked for by the stack only where ours is not to be had.
    external: ['proper-lockfile'],
    banner: { js: `import { createRequire } from 'node:module'; import { dirname as dirnameOf } from 'node:path'; import { fileURLToPath as pathOf } from 'node:url';
      const require = createRequire(import.meta.url); const __filename = pathOf(import.meta.url); const __dirname = dirnameOf(__filename);` },
  })
  await writeFile(path.join(folder, 'gateway.mjs'), outputFiles[0]?.contents ?? '')
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['gateway.mjs', plant.endpoint, plant.address('Temp')], { cwd: folder, timeout: 60_000 })
  assert.deepEqual([stdout, stderr], ['42', ''])
  assert.deepEqual((await readdir(folder)).sort(), ['gateway.mjs', 'own'])
})
