import type * as SerialPortModule from 'serialport'
import { DomainError, refuse } from '../../../registry/domain/errors.ts'
import type { OpenLine } from './line.ts'

export interface SerialSettings {
  readonly path: string
  readonly baudRate: number
  readonly parity: 'none' | 'even' | 'odd'
  readonly dataBits: 7 | 8
  readonly stopBits: 1 | 2
}

type SerialPortPackage = Pick<typeof SerialPortModule, 'SerialPort'>

// Not a literal: the one native package of the gateway stays out of its bundle, and is looked for only by who needs it.
const PACKAGE: string = 'serialport'
const loadPackage = () => import(PACKAGE) as Promise<SerialPortPackage>

/** A serial line; loads `serialport` only now. */
export const serialLine = (settings: SerialSettings, load: () => Promise<SerialPortPackage> = loadPackage): OpenLine => async (events, signal) => {
  const { SerialPort } = await load().catch((error: unknown) => refuse('unavailable',
    `the serial line ${settings.path} needs the npm package serialport, which cannot be loaded (${firstLine(error)}); run "npm install serialport@13.0.0" in the gateway's folder, or reach the line through a terminal server (type modbus-tcp, framing rtu-over-tcp)`))
  if (signal.aborted) throw new Error('stopped while opening')

  const port = new SerialPort({ ...settings, autoOpen: false, lock: true })
  let open = false
  const end = () => {
    open = false
    signal.removeEventListener('abort', end)
    // It may be closing already, when the adapter was pulled out.
    if (port.isOpen) port.close(() => {})
  }
  const lost = (why: string) => {
    if (!open) return
    end()
    events.closed(why)
  }
  port.on('data', (bytes: Uint8Array) => { if (open) events.data(bytes) })
  port.on('error', (error) => { lost(error.message) })
  port.on('close', () => { lost('the serial port closed; was its adapter pulled out?') })

  await new Promise<void>((resolve, reject) => {
    port.open((error) => {
      if (error) reject(new DomainError('unavailable', `cannot open the serial line ${settings.path}: ${error.message}; check the path (ls /dev/serial/by-id), that the gateway's user is in its group (dialout) and that nobody else has it open`))
      else resolve()
    })
  })
  open = true
  signal.addEventListener('abort', end)
  if (signal.aborted) end()
  return { send: (bytes) => { if (open) port.write(Buffer.from(bytes)) }, close: end }
}

/** Silence that ends a frame: 3.5 characters of 11 bits, 1.75 ms above 19,200 baud (Modbus over serial line V1.02, 2.5.1.1). */
export const frameSilenceMs = (baudRate: number): number => (baudRate > 19_200 ? 1.75 : (3.5 * 11 * 1_000) / baudRate)

const firstLine = (error: unknown) => (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
