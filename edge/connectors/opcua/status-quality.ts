import { qualityCode, qualityReasons, type QualityReason } from '../../../registry/domain/contract/quality.ts'

/**
 * Reasons of the status codes that data come with (OPC UA Part 4, 7.39 and Part 8, 6.3); the level is the code's own
 * severity. A code that is not here means something about the device: reason `device`.
 */
export const statusReasons: Readonly<Record<string, { readonly code: number; readonly reasons: readonly QualityReason[] }>> = {
  GoodLocalOverride: { code: 0x00960000, reasons: ['substituted'] },
  UncertainNoCommunicationLastUsableValue: { code: 0x408f0000, reasons: ['communication', 'substituted'] },
  UncertainLastUsableValue: { code: 0x40900000, reasons: ['substituted'] },
  UncertainSubstituteValue: { code: 0x40910000, reasons: ['substituted'] },
  UncertainInitialValue: { code: 0x40920000, reasons: ['substituted'] },
  UncertainSensorNotAccurate: { code: 0x40930000, reasons: ['device'] },
  UncertainEngineeringUnitsExceeded: { code: 0x40940000, reasons: ['range'] },
  UncertainSubNormal: { code: 0x40950000, reasons: ['device'] },
  BadCommunicationError: { code: 0x80050000, reasons: ['communication'] },
  BadTimeout: { code: 0x800a0000, reasons: ['communication'] },
  BadShutdown: { code: 0x800c0000, reasons: ['communication'] },
  BadServerNotConnected: { code: 0x800d0000, reasons: ['communication'] },
  BadServerHalted: { code: 0x800e0000, reasons: ['communication'] },
  BadNoCommunication: { code: 0x80310000, reasons: ['communication'] },
  BadWaitingForInitialData: { code: 0x80320000, reasons: ['missing'] },
  BadNodeIdInvalid: { code: 0x80330000, reasons: ['missing'] },
  BadNodeIdUnknown: { code: 0x80340000, reasons: ['missing'] },
  BadAttributeIdInvalid: { code: 0x80350000, reasons: ['missing'] },
  BadNotReadable: { code: 0x803a0000, reasons: ['missing'] },
  BadOutOfRange: { code: 0x803c0000, reasons: ['range'] },
  BadNotFound: { code: 0x803e0000, reasons: ['missing'] },
  BadConfigurationError: { code: 0x80890000, reasons: ['device'] },
  BadNotConnected: { code: 0x808a0000, reasons: ['communication'] },
  BadDeviceFailure: { code: 0x808b0000, reasons: ['device'] },
  BadSensorFailure: { code: 0x808c0000, reasons: ['device'] },
  BadOutOfService: { code: 0x808d0000, reasons: ['device'] },
  BadNoData: { code: 0x809b0000, reasons: ['missing'] },
  BadDataLost: { code: 0x809d0000, reasons: ['missing'] },
  BadDataUnavailable: { code: 0x809e0000, reasons: ['missing'] },
  BadConnectionClosed: { code: 0x80ae0000, reasons: ['communication'] },
}

const reasonsByCode = new Map(Object.values(statusReasons).map(({ code, reasons }) => [code >>> 16, reasons]))

/** Part 4, 7.39.1: the low half holds flags; these are meant only when the info type (bits 10, 11) is DataValue. */
const INFO_TYPE = 0xc00
const DATA_VALUE = 0x400
const OVERFLOW = 0x80
const LIMITS = 0x300
const CONSTANT = 0x300

const isDataValue = (status: number) => (status & INFO_TYPE) === DATA_VALUE

/** The server's queue was too short: values before this one are lost. */
export const hasOverflowed = (status: number): boolean => isDataValue(status) && (status & OVERFLOW) !== 0

/** Quality bits of a 32-bit StatusCode. A value held at its low or high limit gets the reason `range`. */
export function qualityOfStatus(status: number): number {
  const severity = status >>> 30
  const level = severity === 0 ? 'good' : severity === 1 ? 'uncertain' : 'bad'
  const known = reasonsByCode.get(status >>> 16)
  const code = qualityCode(level, known ?? (level === 'good' ? [] : ['device']))
  const limit = isDataValue(status) ? status & LIMITS : 0
  return limit !== 0 && limit !== CONSTANT ? code | qualityReasons.range : code
}
