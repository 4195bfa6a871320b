import { checkUnit } from '../../../registry/domain/contract/unit.ts'

/** EUInformation (OPC UA Part 8, 5.6.4.3), as far as a unit goes. */
export interface UnitInformation {
  readonly namespaceUri?: string | null
  readonly unitId?: number
  readonly displayName?: { readonly text?: string | null } | null
}

/** UN/CEFACT Recommendation 20 common codes that machines use → UCUM. */
export const ucumOfUnece: Readonly<Record<string, string>> = {
  C62: '1', P1: '%', 59: '[ppm]', KEL: 'K', CEL: 'Cel', FAH: '[degF]',
  MTR: 'm', CMT: 'cm', MMT: 'mm', '4H': 'um', KMT: 'km', INH: '[in_i]', FOT: '[ft_i]', MTK: 'm2', MTQ: 'm3', LTR: 'L', MLT: 'mL', CMQ: 'cm3',
  SEC: 's', C26: 'ms', B98: 'us', MIN: 'min', HUR: 'h', DAY: 'd',
  MTS: 'm/s', C16: 'mm/s', '2M': 'cm/s', KMH: 'km/h', FS: '[ft_i]/s', IU: '[in_i]/s', MSK: 'm/s2', C44: 'mm/s2', K40: '[g]',
  HTZ: 'Hz', KHZ: 'kHz', MHZ: 'MHz', RPM: '/min', RPS: '/s', C97: '/s', C94: '/min', C81: 'rad', DD: 'deg', '2A': 'rad/s',
  PAL: 'Pa', KPA: 'kPa', MPA: 'MPa', A97: 'hPa', BAR: 'bar', MBR: 'mbar', PS: '[psi]', ATM: 'atm',
  KGM: 'kg', GRM: 'g', MGM: 'mg', TNE: 't', LBR: '[lb_av]', KMQ: 'kg/m3', '23': 'g/cm3', GL: 'g/L',
  NEW: 'N', B47: 'kN', NU: 'N.m', B48: 'kN.m', JOU: 'J', KJO: 'kJ', '3B': 'MJ', WHR: 'W.h', KWH: 'kW.h', MWH: 'MW.h',
  WTT: 'W', KWT: 'kW', MAW: 'MW', BHP: '[HP]', D46: 'V.A', KVA: 'kV.A', KVR: 'kV.A', D44: 'V.A',
  AMP: 'A', '4K': 'mA', B84: 'uA', VLT: 'V', '2Z': 'mV', KVT: 'kV', OHM: 'Ohm', B49: 'kOhm', SIE: 'S', D33: 'T', FAR: 'F', '81': 'H', COU: 'C',
  MQH: 'm3/h', MQS: 'm3/s', L2: 'L/min', G51: 'L/s', E32: 'L/h', G52: 'm3/min', G2: '[gal_us]/min', KGS: 'kg/s', F31: 'kg/min', E93: 'kg/h',
  C17: 'mm2/s', '4C': 'cSt', C7: 'cP',
}

const UNECE = 'http://www.opcfoundation.org/UA/units/un/cefact'

/** The common code in a unit id: up to four ASCII characters, packed big-endian. */
export function uneceCode(unitId: number): string {
  return [24, 16, 8, 0].map((shift) => (unitId >>> shift) & 0xff).filter((byte) => byte !== 0).map((byte) => String.fromCharCode(byte)).join('')
}

/** The UCUM unit of a node; null when the server names none, or one that is not known. */
export function ucumOf({ namespaceUri, unitId = -1, displayName }: UnitInformation): string | null {
  const known = namespaceUri === UNECE && unitId >= 0 ? ucumOfUnece[uneceCode(unitId)] : undefined
  if (known !== undefined) return known
  const shown = (displayName?.text ?? '').trim()
  // A single capital means coulomb or farad in UCUM, and mostly a temperature on a screen.
  if (shown === '' || /^[CF]$/.test(shown)) return null
  try {
    checkUnit(shown)
    return shown
  } catch {
    return null
  }
}
