import type { Arrival } from '../../edge/connectors/mqtt/session.ts'

let lastId = 0

/** A message as a session hands it over. */
export function arrivalOf(topic: string, payload: Uint8Array | string, over: Partial<Arrival> = {}): Arrival {
  lastId = (lastId % 65_535) + 1
  return { topic, payload: typeof payload === 'string' ? Buffer.from(payload) : payload, retained: false, packetId: lastId, duplicate: false, held: false, ...over }
}
