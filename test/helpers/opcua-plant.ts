import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { DataType, type StatusCode } from 'node-opcua-client'
import pino from 'pino'
import { opcUa } from '../../edge/connectors/opcua/index.ts'
import type { ConnectorContext, ConnectorTag } from '../../edge/connectors/kind.ts'
import { tagMapSchema } from '../../edge/tag-map.ts'
import { createCollectingOutlet, type CollectingOutlet } from './collecting-outlet.ts'
import { startOpcUaServer, type TestOpcUaServer } from './opcua-server.ts'

export type PlantOptions = Parameters<typeof startOpcUaServer>[0]

/** A server with a few variables, whose values the test sets; `history` names those whose values it remembers. */
export async function startPlant(t: TestContext, names: readonly string[], options: PlantOptions & { history?: readonly string[] } = {}) {
  const { history = [], ...serverOptions } = options
  const plant: TestOpcUaServer = await startOpcUaServer(serverOptions)
  t.after(() => plant.close())
  const space = plant.server.engine.addressSpace
  if (!space) throw new Error('the server has no address space')
  const namespace = space.getOwnNamespace()
  const folder = namespace.addFolder(space.rootFolder.objects, { browseName: 'Pump 1' })
  const variables = new Map(names.map((name) => {
    const variable = namespace.addVariable({ organizedBy: folder, browseName: name, nodeId: `s=P1.${name}`, dataType: 'Double', minimumSamplingInterval: 0 })
    if (history.includes(name)) space.installHistoricalDataNode(variable, { maxOnlineValues: 10_000 })
    variable.setValueFromSource({ dataType: DataType.Double, value: 0 })
    return [name, variable]
  }))
  await plant.server.start()
  return {
    ...plant, space, namespace, folder,
    address: (name: string) => `ns=${namespace.index};s=P1.${name}`,
    set(name: string, value: number, status?: StatusCode, at?: Date) {
      variables.get(name)?.setValueFromSource({ dataType: DataType.Double, value }, status, at)
    },
  }
}


export interface ConnectorOptions {
  readonly endpoint: string
  readonly tags: readonly (string | Partial<ConnectorTag> & { address: string })[]
  readonly config?: Record<string, unknown>
  readonly directory?: string
  readonly secrets?: Readonly<Record<string, string>>
  readonly outlet?: CollectingOutlet
}

/** The connector on an outlet that collects; `end` ends it and resolves when it has closed its connection. */
export async function runConnector(t: TestContext, { endpoint, tags: given, config = {}, directory: kept, secrets = {}, outlet = createCollectingOutlet() }: ConnectorOptions) {
  const directory = kept ?? await temporaryFolder(t)
  const tags: ConnectorTag[] = given.map((tag, i) => ({ tag: `pump-1/t${i}`, kind: 'scalar', everyMs: 50, deadband: null, ...typeof tag === 'string' ? { address: tag } : tag }))
  const context: ConnectorContext = {
    id: 'plc-7', directory, tags, log: pino({ level: 'silent' }),
    map: tagMapSchema.parse({ version: 1, tags: tags.map(({ address, tag, kind }) => ({ address, tag, kind, unit: '1', canonicalUnit: '1' })) }),
    secret: (reference) => ('env' in reference ? secrets[reference.env] : undefined) ?? '',
    nowUs: () => Date.now() * 1_000,
  }
  const parsed = opcUa.config.parse({ endpoint, security: { mode: 'None' }, publishing: '100ms', ...config })
  for (const { address, kind } of tags) opcUa.checkAddress(address, kind, parsed)
  const source = opcUa.create(parsed, context)
  const stop = new AbortController()
  const ended = source.run(outlet, stop.signal)
  // A test that expects its end looks at it later.
  ended.catch(() => {})
  const end = async () => {
    stop.abort()
    await ended
  }
  t.after(async () => { await end().catch(() => {}) })
  return { source, outlet, ended, end, directory, health: () => source.health?.() ?? { state: 'starting', detail: null, counters: {} } }
}

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'twinward-opcua-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}
