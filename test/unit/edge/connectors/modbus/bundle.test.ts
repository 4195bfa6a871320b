import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import type * as modbus from '../../../../../edge/connectors/modbus/index.ts'
import { createCollectingOutlet } from '../../../../helpers/collecting-outlet.ts'
import { connectorContext } from '../../../../helpers/connector-context.ts'

const entry = path.join(import.meta.dirname, '../../../../../edge/connectors/modbus/index.ts')

for (const minify of [false, true]) {
  test(`bundled${minify ? ' and minified' : ''} it has no native package in it; only a serial line asks for one, with the cure`, async () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-bundle-'))
    try {
      const outfile = path.join(directory, 'modbus.mjs')
      const { metafile } = await build({ entryPoints: [entry], bundle: true, minify, outfile, metafile: true, platform: 'node', format: 'esm', logLevel: 'silent' })
      assert.deepEqual(Object.keys(metafile.inputs).filter((input) => /serialport|modbus-serial|debug/.test(input)), [])
      const { modbusRtu, modbusTcp } = await import(pathToFileURL(outfile).href) as typeof modbus
      const context = connectorContext(['1:holding:0:int16'])
      modbusTcp.create(modbusTcp.config.parse({ host: 'plc' }), context)
      const serial = modbusRtu.create(modbusRtu.config.parse({ path: '/dev/ttyS0' }), context)
      await assert.rejects(serial.run(createCollectingOutlet(), AbortSignal.timeout(20_000)), /npm install serialport@13\.0\.0/)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
}
