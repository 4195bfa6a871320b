import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DataType, VariantArrayType } from 'node-opcua-client'
import pino from 'pino'
import { parse } from 'yaml'
import { browseOpcUa } from '../../../../edge/connectors/opcua/browse.ts'
import { draftSiteTags } from '../../../../edge/connectors/opcua/draft-site-tags.ts'
import { opcUaConnectionSchema } from '../../../../edge/connectors/opcua/index.ts'
import { runConnector, startPlant, temporaryFolder } from '../../../helpers/opcua-plant.ts'

test('a server\'s variables become a draft of the site file, with units and ranges, and the draft can be read', async (t) => {
  const plant = await startPlant(t, ['Flow'])
  const { space, folder } = plant
  const line = space.registerNamespace('urn:maker:line;1')
  const motor = line.addObject({ organizedBy: folder, browseName: 'Motor A', nodeId: 's=Motor' })
  const temp = line.addAnalogDataItem({
    componentOf: motor, browseName: 'MotorTemp', nodeId: 's=Motor.Temp', dataType: 'Float', engineeringUnitsRange: { low: -20, high: 180 },
    engineeringUnits: { namespaceUri: 'http://www.opcfoundation.org/UA/units/un/cefact', unitId: 4604232, displayName: '°F', description: 'degree Fahrenheit' },
  })
  temp.setValueFromSource({ dataType: DataType.Float, value: 77 })
  const wave = line.addVariable({ componentOf: motor, browseName: 'Vibration', nodeId: 's=Motor.Vib', dataType: 'Float', valueRank: 1 })
  wave.setValueFromSource({ dataType: DataType.Float, arrayType: VariantArrayType.Array, value: Float32Array.from([1, 2]) })
  line.addVariable({ componentOf: motor, browseName: 'Name', nodeId: 's=Motor.Name', dataType: 'String' })
  // A cycle: the motor contains the folder that contains it.
  motor.addReference({ referenceType: 'Organizes', nodeId: folder })
  const connection = opcUaConnectionSchema.parse({ endpoint: plant.endpoint, security: { mode: 'None' } })
  const options = { connection, id: 'plc-7', directory: await temporaryFolder(t), secret: () => '', log: pino({ level: 'silent' }), root: folder.nodeId.toString() }

  const { variables, truncated } = await browseOpcUa(options)
  assert.equal(truncated, null)
  const found = variables.find(({ path }) => path.at(-1) === 'MotorTemp')
  assert.deepEqual(found, {
    address: 'nsu=urn:maker:line%3B1;s=Motor.Temp', nodeId: `ns=${line.index};s=Motor.Temp`, path: ['Motor A', 'MotorTemp'], dataType: 'Float', isNumber: true, isArray: false,
    unit: '[degF]', unitText: '°F', range: { low: -20, high: 180 },
  })
  assert.deepEqual(variables.map(({ path }) => path.at(-1)).sort(), ['Flow', 'MotorTemp', 'Name', 'Vibration'])
  const { yaml, tags, left } = draftSiteTags(variables, { id: 'plc-7', endpoint: plant.endpoint })
  assert.deepEqual([tags, left], [3, 1])
  const [source] = parse(yaml) as { tags: { tag: string; address: string; kind?: 'waveform' }[]; nodes: Record<string, unknown> }[]
  assert.deepEqual(source?.tags.map(({ tag }) => tag).sort(), ['asset/flow', 'motor-a/motor-temp', 'motor-a/vibration'])
  const { outlet } = await runConnector(t, { endpoint: plant.endpoint, tags: source?.tags ?? [], config: { nodes: source?.nodes } })
  await outlet.until(() => outlet.waveforms().length === 1 && outlet.readings('nsu=urn:maker:line%3B1;s=Motor.Temp').some(({ raw }) => raw === 77))

  const few = await browseOpcUa({ ...options, maxVariables: 1 })
  assert.equal(few.variables.length, 1)
  assert.match(few.truncated ?? '', /more than 1 variables/)
  const shallow = await browseOpcUa({ ...options, maxDepth: 0 })
  assert.match(shallow.truncated ?? '', /deeper than 0 levels/)
})

test('from the Objects folder on, without the server\'s description of itself', async (t) => {
  const plant = await startPlant(t, ['Temp'])
  const connection = opcUaConnectionSchema.parse({ endpoint: plant.endpoint, security: { mode: 'None' } })
  const { variables } = await browseOpcUa({ connection, id: 'plc-7', directory: await temporaryFolder(t), secret: () => '', log: pino({ level: 'silent' }) })
  assert.deepEqual(variables.filter(({ nodeId }) => nodeId.startsWith('ns=1;')).map(({ path }) => path), [['Pump 1', 'Temp']])
  assert.ok(variables.length < 100, `${variables.length} variables`)
})
