/** The part of `fft.js` (which ships no types) that fft-any-length.ts uses. Buffers may be typed arrays: it only indexes them. */
declare module 'fft.js' {
  type Buffer = Float64Array | number[]
  export default class FFT {
    constructor(size: number)
    readonly size: number
    realTransform(out: Buffer, data: Buffer): void
    transform(out: Buffer, data: Buffer): void
    inverseTransform(out: Buffer, data: Buffer): void
  }
}
