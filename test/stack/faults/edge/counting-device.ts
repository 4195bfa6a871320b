import { runsOf, type SourceAccount } from '../../../helpers/accounts.ts'
import type { TestDevice } from '../../../helpers/modbus.ts'
import { scalarTag } from './gateway.ts'

export interface CountingDevice {
  /** The last number it has handed out. */
  last(): number
  /** It answers no more. */
  rest(): void
  accounts(asset: string, tags: number, untaken: ReadonlySet<number>): SourceAccount[]
}

/** Every answer of the device has the next number in all of its registers. */
export function serveCounter(device: TestDevice): CountingDevice {
  let handedOut = 0
  device.behave = (asked) => {
    handedOut++
    const data = Buffer.alloc(2 * asked.count)
    for (let i = 0; i < asked.count; i++) data.writeUInt16BE(handedOut, 2 * i)
    return { raw: device.frame(asked, Buffer.from([asked.function, data.length, ...data])) }
  }
  return {
    last: () => handedOut,
    rest() { device.behave = () => 'silence' },
    accounts: (asset, tags, untaken) => {
      const given = runsOf(Array.from({ length: handedOut }, (_, i) => i + 1))
      return Array.from({ length: tags }, (_, i) => ({ tag: scalarTag(asset, i), given, untaken }))
    },
  }
}

export function modbusSite({ site, asset, tags, port }: { site: string; asset: string; tags: number; port: number }): string {
  return `version: 1
site: ${site}
gateway: gw-1
health: { listen: "127.0.0.1:0" }
sources:
${modbusSource({ asset, tags, port })}`
}

export function modbusSource({ asset, tags, port }: { asset: string; tags: number; port: number }): string {
  return `  - id: plc-1
    type: modbus-tcp
    host: 127.0.0.1
    port: ${port}
    every: 20ms
    tags:
${Array.from({ length: tags }, (_, i) => `      - { tag: ${scalarTag(asset, i)}, address: "1:holding:${i}:uint16", unit: "1" }`).join('\n')}
`
}
