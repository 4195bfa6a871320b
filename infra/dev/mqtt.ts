import type { MqttConnection } from '../config.ts'
import { aedesBroker } from './aedes.ts'
import { findMosquitto, mosquittoBroker } from './mosquitto.ts'
import type { EmbeddedServer, PartPlaces } from './part.ts'
import type { Secrets } from './secrets.ts'

/** mosquitto when it is there, since it keeps its queues on disk; else aedes in a process of our own. */
export function embeddedMqtt(port: number, secrets: Secrets, places: PartPlaces): EmbeddedServer<MqttConnection> {
  const mosquitto = findMosquitto()
  return mosquitto ? mosquittoBroker(mosquitto, port, secrets, places) : aedesBroker(port, secrets, places)
}
