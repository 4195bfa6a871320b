import './library-log.ts'
import { AttributeIds, VariableIds, type ClientSession } from 'node-opcua-client'

/** What a server says of itself; 0 for a limit it does not have. */
export interface ServerFacts {
  readonly namespaces: readonly string[]
  readonly monitoredItemsPerCall: number
  readonly nodesPerHistoryRead: number
  readonly nodesPerRead: number
  readonly nodesPerBrowse: number
}

const LIMITS = [
  VariableIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
  VariableIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerHistoryReadData,
  VariableIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
  VariableIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse,
] as const

/** Reads namespaces and limits; a server that has no OperationLimits (OPC UA Part 5, 6.3.11) has no limits. */
export async function readServerFacts(session: ClientSession): Promise<ServerFacts> {
  // One by one where the server allows no more: its limit on reading is among what is read.
  const read = async (id: number) => (await session.read({ nodeId: `ns=0;i=${id}`, attributeId: AttributeIds.Value })).value.value as unknown
  const namespaces = await read(VariableIds.Server_NamespaceArray)
  const [items = 0, history = 0, reads = 0, browses = 0] = await Promise.all(LIMITS.map(async (id) => {
    const limit = await read(id)
    return typeof limit === 'number' ? limit : 0
  }))
  return {
    namespaces: Array.isArray(namespaces) ? namespaces.map(String) : ['http://opcfoundation.org/UA/'],
    monitoredItemsPerCall: items, nodesPerHistoryRead: history, nodesPerRead: reads, nodesPerBrowse: browses,
  }
}
