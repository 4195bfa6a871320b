import { AttributeIds, coerceNodeId, DataType, type DataValue, Variant } from 'node-opcua-client'
import { refuse } from '../../../registry/domain/errors.ts'
import { nodeIdOn, parseNodeAddress } from './address.ts'
import type { RawSession } from './connection.ts'

/** Numbers and truth values, which is what an alarm has to say. */
const WHOLE: ReadonlySet<DataType> = new Set([DataType.SByte, DataType.Byte, DataType.Int16, DataType.UInt16, DataType.Int32, DataType.UInt32])

/** Writes a number to a variable, as the type it has there. Refuses (`unavailable`) what the server does not take, with its word for it. */
export async function writeVariable(session: RawSession, namespaces: readonly string[], address: string, value: number): Promise<void> {
  const nodeId = nodeIdOn(parseNodeAddress(address), namespaces) ?? refuse('unavailable', `${address} cannot be written: the server does not know its namespace`)
  const cannot = (why: string): never => refuse('unavailable', `${address} cannot be written: ${why}`)
  const now: DataValue = await session.read({ nodeId, attributeId: AttributeIds.Value }).catch((error: unknown) => cannot(error instanceof Error ? error.message : String(error)))
  const { dataType } = now.value
  if (dataType !== DataType.Boolean && dataType !== DataType.Float && dataType !== DataType.Double && !WHOLE.has(dataType)) cannot(`it is ${DataType[dataType]}, and only a truth value or a number up to 32 bits is written`)
  const status = await session.write({
    nodeId: coerceNodeId(nodeId), attributeId: AttributeIds.Value, value: { value: new Variant({ dataType, value: dataType === DataType.Boolean ? value !== 0 : WHOLE.has(dataType) ? Math.round(value) : value }) },
  }).catch((error: unknown) => cannot(error instanceof Error ? error.message : String(error)))
  if (!status.isGood()) cannot(`the server says ${status.name}`)
}
