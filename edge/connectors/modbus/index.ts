import { refuse } from '../../../registry/domain/errors.ts'
import type { ConnectorKind } from '../kind.ts'
import { parseAddress } from './address.ts'
import { modbusRtuConfigSchema, modbusTcpConfigSchema, type ModbusRtuConfig, type ModbusTcpConfig, type PollingConfig } from './config.ts'
import { tcpLine } from './line.ts'
import { openRtuClient } from './rtu-client.ts'
import { frameSilenceMs, serialLine } from './serial-line.ts'
import { createModbusSource } from './source.ts'
import { openTcpClient } from './tcp-client.ts'
import { writeRequest } from './write.ts'

/** Modbus over a TCP connection: Modbus TCP itself, or RTU frames behind a terminal server. */
export const modbusTcp: ConnectorKind<ModbusTcpConfig> = {
  type: 'modbus-tcp',
  config: modbusTcpConfigSchema,
  checkAddress: (address, kind, config) => { check(address, kind, config, config.framing === 'rtu-over-tcp') },
  checkWrite: (address, value) => { writeRequest(address, value) },
  create(config, context) {
    const { host, port, framing, connection, inFlight, connectTimeout, pause, timeout } = config
    const openClient = framing === 'tcp' ? openTcpClient : openRtuClient
    return createModbusSource(config, {
      name: `Modbus at ${host}:${port}`,
      perUnit: connection === 'per-unit',
      restMs: framing === 'tcp' ? 0 : timeout,
      open: (hooks, signal) => openClient(
        tcpLine({ host, port, connectTimeoutMs: connectTimeout }), { ...hooks, timeoutMs: timeout, pauseMs: pause, inFlight }, signal),
    }, context)
  },
}

/** Modbus RTU over a serial line of this machine; needs the optional package `serialport`. */
export const modbusRtu: ConnectorKind<ModbusRtuConfig> = {
  type: 'modbus-rtu',
  config: modbusRtuConfigSchema,
  checkAddress: (address, kind, config) => { check(address, kind, config, true) },
  checkWrite: (address, value) => { writeRequest(address, value) },
  create(config, context) {
    const { path, baudRate, parity, dataBits, stopBits, pause, timeout } = config
    return createModbusSource(config, {
      name: `Modbus on ${path}`,
      perUnit: false,
      restMs: timeout,
      open: (hooks, signal) => openRtuClient(
        serialLine({ path, baudRate, parity, dataBits, stopBits }),
        { ...hooks, timeoutMs: timeout, pauseMs: Math.max(pause, frameSilenceMs(baudRate)), inFlight: 1 }, signal),
    }, context)
  },
}

function check(address: string, kind: 'scalar' | 'waveform', { merge }: PollingConfig, serial: boolean): void {
  if (kind !== 'scalar') refuse('invalid', `Modbus address "${address}" is mapped as a waveform; Modbus has single numbers only: make it a scalar`)
  const { unit, count } = parseAddress(address)
  if (serial && (unit < 1 || unit > 247)) refuse('invalid', `Modbus address "${address}": a unit on a serial line has a number from 1 to 247 (0 calls all of them, and none answers)`)
  if (count > merge.registers) refuse('invalid', `Modbus address "${address}" takes ${count} registers, but merge.registers allows ${merge.registers} in one request; raise it`)
}
