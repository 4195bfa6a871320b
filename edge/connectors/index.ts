import type { ConnectorKind } from './kind.ts'

export type KindLoader = () => Promise<ConnectorKind>

/** The protocols a site file can name. Each is loaded when one does: a gateway carries in memory what it speaks. */
export const connectorKinds: Readonly<Record<string, KindLoader>> = {
  'csv-folder': async () => (await import('./csv-folder/index.ts')).csvFolder,
  'http-push': async () => (await import('./http/index.ts')).httpPush,
  'modbus-tcp': async () => (await import('./modbus/index.ts')).modbusTcp,
  'modbus-rtu': async () => (await import('./modbus/index.ts')).modbusRtu,
  'mqtt-json': async () => (await import('./mqtt-json/index.ts')).mqttJson,
  opcua: async () => (await import('./opcua/index.ts')).opcUa,
  sparkplug: async () => (await import('./sparkplug/index.ts')).sparkplug,
}
