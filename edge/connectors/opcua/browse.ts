import './library-log.ts'
import {
  AttributeIds, BrowseDirection, DataType, NodeClass, NodeId, ReferenceTypeIds, resolveNodeId, sameNodeId, type ReferenceDescription,
} from 'node-opcua-client'
import type { Logger } from 'pino'
import type { SecretReference } from '../kind.ts'
import type { OpcUaConnection } from './config.ts'
import { connect, type RawSession } from './connection.ts'
import { inChunks } from './item-plan.ts'
import { readServerFacts } from './server-facts.ts'
import { ucumOf, type UnitInformation } from './units.ts'

export interface BrowseOptions {
  readonly connection: OpcUaConnection
  /** The source's: what a server trusts as this gateway is the connector later on. */
  readonly id: string
  /** Where certificates are kept; the connector's own folder, so that what it trusts is trusted here. */
  readonly directory: string
  readonly secret: (reference: SecretReference) => string
  readonly log: Logger
  /** Where to begin; the Objects folder unless told. */
  readonly root?: string
  readonly maxDepth?: number
  readonly maxVariables?: number
  readonly signal?: AbortSignal
}

export interface BrowsedVariable {
  /** As a site file's address: with the namespace's URI, which stays when the server is reconfigured. */
  readonly address: string
  readonly nodeId: string
  /** Browse names from the root to the variable, without namespace indexes. */
  readonly path: readonly string[]
  /** Name of the built-in type; null when it cannot be told. */
  readonly dataType: string | null
  readonly isNumber: boolean
  readonly isArray: boolean
  /** UCUM; null with `unitText` set when the server's unit is not known. */
  readonly unit: string | null
  readonly unitText: string | null
  readonly range: { readonly low: number; readonly high: number } | null
}

export interface Browsed {
  readonly variables: readonly BrowsedVariable[]
  /** Nodes looked at. */
  readonly visited: number
  /** What was left out, in words; null when all was seen. */
  readonly truncated: string | null
}

const OBJECTS = 'ns=0;i=85'
/** The server's description of itself; hundreds of variables that no plant wants. */
const SERVER = 'ns=0;i=2253'
const HAS_PROPERTY = resolveNodeId(ReferenceTypeIds.HasProperty)
const MOST_NODES = 200_000

interface Place { readonly nodeId: NodeId; readonly path: readonly string[]; readonly isVariable: boolean }
interface Found { readonly place: Place; euRange: NodeId | null; engineeringUnits: NodeId | null }

/** Walks the address space, breadth first and each node once, for its variables. Refuses like the connector itself. */
export async function browseOpcUa({ connection, id, directory, secret, log, root = OBJECTS, maxDepth = 12, maxVariables = 10_000, signal }: BrowseOptions): Promise<Browsed> {
  const link = await connect({ connection, id, directory, secret, log })
  try {
    const { session } = link
    const facts = await readServerFacts(session)
    const seen = new Set<string>([SERVER])
    const found: Found[] = []
    let level: Place[] = [{ nodeId: resolveNodeId(root), path: [], isVariable: false }]
    let truncated: string | null = null
    for (let depth = 0; level.length > 0; depth++) {
      const next: Place[] = []
      for (const chunk of inChunks(level, facts.nodesPerBrowse, 100)) {
        if (signal?.aborted) return { variables: [], visited: seen.size, truncated: 'stopped' }
        const children = await browseAll(session, chunk.map(({ nodeId }) => nodeId))
        chunk.forEach((place, i) => {
          const variable: Found | undefined = place.isVariable ? { place, euRange: null, engineeringUnits: null } : undefined
          for (const child of children[i] ?? []) {
            const name = child.browseName.name ?? ''
            if (sameNodeId(child.referenceTypeId, HAS_PROPERTY)) {
              if (variable && name === 'EURange') variable.euRange = child.nodeId
              if (variable && name === 'EngineeringUnits') variable.engineeringUnits = child.nodeId
              continue
            }
            const key = child.nodeId.toString()
            if (seen.has(key)) continue
            seen.add(key)
            next.push({ nodeId: child.nodeId, path: [...place.path, name], isVariable: NodeClass[child.nodeClass] === 'Variable' })
          }
          if (variable) found.push(variable)
        })
      }
      level = next
      if (found.length > maxVariables) truncated = `more than ${maxVariables} variables; begin further down, with a root of your choice`
      else if (seen.size > MOST_NODES) truncated = `more than ${MOST_NODES} nodes; begin further down, with a root of your choice`
      else if (depth >= maxDepth && level.length > 0) truncated = `nodes deeper than ${maxDepth} levels`
      if (truncated !== null) break
    }
    const types = typeNames(session)
    const variables: BrowsedVariable[] = []
    for (const chunk of inChunks(found.slice(0, maxVariables), Math.floor(facts.nodesPerRead / 4), 100)) variables.push(...await describe(session, chunk, facts.namespaces, types))
    return { variables, visited: seen.size, truncated }
  } finally {
    await link.close()
  }
}

/** Children of each node by hierarchical references, all pages of them. */
async function browseAll(session: RawSession, nodes: readonly NodeId[]): Promise<ReferenceDescription[][]> {
  const results = await session.browse(nodes.map((nodeId) => ({
    nodeId, browseDirection: BrowseDirection.Forward, referenceTypeId: resolveNodeId(ReferenceTypeIds.HierarchicalReferences), includeSubtypes: true,
    nodeClassMask: NodeClass.Object | NodeClass.Variable, resultMask: ALL_RESULTS,
  })))
  return Promise.all(results.map(async (first) => {
    const all = [...first.references ?? []]
    for (let page = first; page.continuationPoint?.length;) {
      page = await session.browseNext(page.continuationPoint, false)
      if ((page.references ?? []).length === 0) break
      all.push(...page.references ?? [])
    }
    return all
  }))
}

const ALL_RESULTS = 63
const UNIT_UNKNOWN = { unit: null, unitText: null }

/** Type, unit and range of each variable. */
async function describe(session: RawSession, found: readonly Found[], namespaces: readonly string[], types: TypeNames): Promise<BrowsedVariable[]> {
  const wanted = found.flatMap(({ place: { nodeId }, euRange, engineeringUnits }) => [
    { nodeId, attributeId: AttributeIds.DataType }, { nodeId, attributeId: AttributeIds.ValueRank },
    ...[euRange, engineeringUnits].flatMap((property) => (property ? [{ nodeId: property, attributeId: AttributeIds.Value }] : [])),
  ])
  const values = (await session.read(wanted)).values()
  const next = () => values.next().value?.value.value as unknown
  const variables: BrowsedVariable[] = []
  for (const { place: { nodeId, path }, euRange, engineeringUnits } of found) {
    const [dataType, rank] = [next(), next()]
    const [range, information] = [euRange ? next() : null, engineeringUnits ? next() : null]
    const type = dataType instanceof NodeId ? await types.builtIn(dataType) : null
    variables.push({
      address: addressOf(nodeId, namespaces), nodeId: nodeId.toString(), path,
      dataType: type === null ? null : DataType[type] ?? null,
      isNumber: type !== null && type >= DataType.Boolean && type <= DataType.Double,
      isArray: typeof rank === 'number' && rank >= 1,
      ...(isUnit(information) ? { unit: ucumOf(information), unitText: information.displayName?.text ?? null } : UNIT_UNKNOWN),
      range: isRange(range) && range.low < range.high ? { low: range.low, high: range.high } : null,
    })
  }
  return variables
}

const isUnit = (value: unknown): value is UnitInformation => typeof value === 'object' && value !== null && 'displayName' in value
const isRange = (value: unknown): value is { low: number; high: number } => typeof value === 'object' && value !== null && 'low' in value && 'high' in value
  && Number.isFinite(value.low) && Number.isFinite(value.high)

/** A node id by its namespace's URI, as Part 6 writes it; indexes of namespace 0 and 1 stay by themselves. */
function addressOf(nodeId: NodeId, namespaces: readonly string[]): string {
  const text = nodeId.toString()
  const uri = namespaces[nodeId.namespace]
  if (nodeId.namespace < 2 || uri === undefined) return text
  return `nsu=${uri.replaceAll('%', '%25').replaceAll(';', '%3B')};${text.replace(/^ns=\d+;/, '')}`
}

interface TypeNames { builtIn(dataType: NodeId): Promise<DataType | null> }

/** A data type's built-in type: up the tree of types until there is one; each type is asked for once. */
function typeNames(session: RawSession): TypeNames {
  const known = new Map<string, DataType | null>()
  return {
    async builtIn(dataType) {
      const key = dataType.toString()
      let found = known.get(key)
      if (found === undefined) {
        found = await climb(session, dataType)
        known.set(key, found)
      }
      return found
    },
  }
}

const LAST_BUILT_IN: number = DataType.DiagnosticInfo
const ABSTRACT_NUMBERS: Readonly<Record<number, DataType>> = { 26: DataType.Double, 27: DataType.Int64, 28: DataType.UInt64, 29: DataType.Int32 }

async function climb(session: RawSession, start: NodeId): Promise<DataType | null> {
  let at = start
  for (let step = 0; step < 32; step++) {
    if (at.namespace === 0 && typeof at.value === 'number') {
      if (at.value > 0 && at.value <= LAST_BUILT_IN) return at.value
      const abstract = ABSTRACT_NUMBERS[at.value]
      if (abstract !== undefined) return abstract
    }
    const parents = await session.browse({
      nodeId: at, browseDirection: BrowseDirection.Inverse, referenceTypeId: resolveNodeId(ReferenceTypeIds.HasSubtype), includeSubtypes: false, nodeClassMask: 0, resultMask: ALL_RESULTS,
    })
    const parent = parents.references?.[0]
    if (!parent) return null
    at = parent.nodeId
  }
  return null
}
