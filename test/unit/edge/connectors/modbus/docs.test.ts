import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { parseAddress } from '../../../../../edge/connectors/modbus/address.ts'
import { modbusRtu, modbusTcp } from '../../../../../edge/connectors/modbus/index.ts'
import { newCounters } from '../../../../../edge/connectors/modbus/counters.ts'
import { durationSchema } from '../../../../../edge/connectors/kind.ts'
import { connectorContext } from '../../../../helpers/connector-context.ts'

const text = readFileSync(path.join(import.meta.dirname, '../../../../../docs/connect-modbus.md'), 'utf8')
interface Documented { id: string; type: string; tags: { address: string; every?: string }[] }

test('the sources in the docs are ones the gateway takes', () => {
  const blocks = [...text.matchAll(/^( *)```yaml\n([\s\S]*?)^ *```/gm)].map(([, indent = '', body = '']) => (parse(body.replaceAll(new RegExp(`^${indent}`, 'gm'), '')) as { sources: Documented[] }).sources)
  assert.equal(blocks.flat().length, 3)
  for (const { id, type, tags, ...rest } of blocks.flat()) {
    const context = connectorContext(tags.map(({ address, every }) => ({ address, everyMs: every === undefined ? null : durationSchema.parse(every) })), { id })
    if (type === 'modbus-tcp') {
      const config = modbusTcp.config.parse(rest)
      for (const { address } of tags) modbusTcp.checkAddress(address, 'scalar', config)
      modbusTcp.create(config, context)
    } else {
      assert.equal(type, modbusRtu.type)
      const config = modbusRtu.config.parse(rest)
      for (const { address } of tags) modbusRtu.checkAddress(address, 'scalar', config)
      modbusRtu.create(config, context)
    }
  }
})

test('the addresses in the docs are what they are said to be', () => {
  const shown = [...text.matchAll(/\b1:(?:holding|input|coil|discrete|\d{5,6})(?::[\w]+)*/g)].map(([address]) => address)
  assert.ok(shown.length >= 9)
  for (const address of shown) parseAddress(address)
  for (const [classic, plain] of [...text.matchAll(/`(\d{5})` is `(\w+:\d+)`/g)].map(([, a, b]) => [a, b])) {
    const type = /holding|input/.test(plain ?? '') ? ':int16' : ''
    assert.deepEqual(parseAddress(`1:${classic ?? ''}${type}`), parseAddress(`1:${plain ?? ''}${type}`))
  }
})

test('every counter and key is in the docs', () => {
  const keys = Object.keys({ ...modbusTcp.config.parse({ host: 'x' }), ...modbusRtu.config.parse({ path: 'x' }) }).filter((key) => key !== 'merge' && key !== 'backoff')
  for (const name of [...Object.keys(newCounters()), ...keys]) assert.ok(text.includes(`\`${name}\``), name)
})
