/** What we use of the library, which ships no types. */
declare module '@lhncbc/ucum-lhc' {
  export interface UcumValidation {
    status: 'valid' | 'invalid' | 'error'
    ucumCode: string | null
    msg: string[]
    suggestions?: { msg: string; invalidUnit: string; units: [code: string, name: string, guidance: string][] }[]
  }
  export interface UcumConversion { status: 'succeeded' | 'failed' | 'error'; toVal: number | null; msg: string[] }
  export const UcumLhcUtils: {
    getInstance(): {
      validateUnitString(unit: string, suggest?: boolean): UcumValidation
      convertUnitTo(from: string, value: number, to: string): UcumConversion
    }
  }
}
