import { z } from 'zod'
import { durationSchema } from '../kind.ts'

const polling = {
  every: durationSchema.prefault('1s').describe('How often tags are read that do not say so themselves'),
  timeout: durationSchema.prefault('1s').describe('How long a unit may take to answer one request'),
  merge: z.strictObject({
    registers: z.int().min(1).max(125).default(125).describe('Most registers in one request'),
    coils: z.int().min(1).max(2_000).default(2_000).describe('Most coils or discrete inputs in one request'),
    gapRegisters: z.int().min(0).max(124).default(16).describe('Most unwanted registers read along to spare a request'),
    gapCoils: z.int().min(0).max(1_999).default(128),
  }).prefault({}),
  backoff: z.strictObject({
    first: durationSchema.prefault('1s').describe('Rest of a unit after its first unanswered request'),
    most: durationSchema.prefault('1min'),
  }).prefault({}),
  retryRefused: durationSchema.prefault('1min').describe('How often an address is tried again that the device refused'),
}

export const modbusTcpConfigSchema = z.strictObject({
  host: z.string().min(1),
  port: z.int().min(1).max(65_535).default(502),
  framing: z.enum(['tcp', 'rtu-over-tcp']).default('tcp').describe('rtu-over-tcp: a serial line behind a terminal server'),
  connection: z.enum(['shared', 'per-unit']).default('shared').describe('per-unit: each unit has a connection of its own'),
  inFlight: z.int().min(1).max(16).default(1).describe('Requests under way at once on one connection'),
  connectTimeout: durationSchema.prefault('5s'),
  pause: durationSchema.prefault('0ms').describe('Rest between an answer and the next request'),
  ...polling,
}).refine(({ framing, inFlight }) => framing === 'tcp' || inFlight === 1, {
  path: ['inFlight'], error: 'rtu-over-tcp cannot tell answers apart and has one request under way at a time; leave inFlight out',
})
export type ModbusTcpConfig = z.infer<typeof modbusTcpConfigSchema>

export const modbusRtuConfigSchema = z.strictObject({
  path: z.string().min(1).describe('The serial port, e.g. /dev/serial/by-id/usb-FTDI-… or COM3'),
  baudRate: z.int().min(300).max(4_000_000).default(19_200),
  parity: z.enum(['none', 'even', 'odd']).default('even'),
  dataBits: z.union([z.literal(7), z.literal(8)]).default(8),
  stopBits: z.union([z.literal(1), z.literal(2)]).default(1),
  pause: durationSchema.prefault('3ms').describe('Rest between an answer and the next request; never below 3.5 characters'),
  ...polling,
})
export type ModbusRtuConfig = z.infer<typeof modbusRtuConfigSchema>

/** What polling needs to know, whatever the wire. */
export type PollingConfig = Pick<ModbusTcpConfig, keyof typeof polling>
