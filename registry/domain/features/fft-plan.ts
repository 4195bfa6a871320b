import FFT from 'fft.js'
import { refuse } from '../errors.ts'

/** Interleaved complex numbers: `[re0, im0, re1, im1, …]`. */
export type ComplexArray = Float64Array

/**
 * What is worth keeping between transforms of one length. The buffers that `forwardReal` and `inverse` return belong
 * to the plan and are overwritten by its next call: copy what must outlive it.
 */
export interface FftPlan {
  readonly size: number
  /** Periodic Hann window, w[i] = (1 − cos 2πi/N)/2, with its sums Σw and Σw². */
  readonly hann: Float64Array
  readonly hannSum: number
  readonly hannSquareSum: number
  /** Bins 0 … ⌊N/2⌋ of the transform of `size` real samples. */
  forwardReal(samples: Float64Array): ComplexArray
  /** The whole inverse transform, scaled by 1/N, of N complex bins. */
  inverse(bins: ComplexArray): ComplexArray
}

/** More lengths than any one process meets; a stream of odd lengths must not grow the memo without end. */
const MAX_PLANS = 32
const MAX_SIZE = 1 << 22

const plans = new Map<number, FftPlan>()

/** The plan for one length, made once. A pure memo: a plan depends on nothing but its size. */
export function fftPlan(size: number): FftPlan {
  const known = plans.get(size)
  if (known !== undefined) return known
  if (!Number.isInteger(size) || size < 2 || size > MAX_SIZE) {
    refuse('invalid', `a spectrum needs between 2 and ${MAX_SIZE} samples, got ${size}; cut the recording into segments`)
  }
  const plan = createFftPlan(size)
  if (plans.size >= MAX_PLANS) {
    const [oldest] = plans.keys()
    if (oldest !== undefined) plans.delete(oldest)
  }
  plans.set(size, plan)
  return plan
}

function createFftPlan(size: number): FftPlan {
  const hann = new Float64Array(size)
  let hannSum = 0
  let hannSquareSum = 0
  for (let i = 0; i < size; i++) {
    const w = 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size)
    hann[i] = w
    hannSum += w
    hannSquareSum += w * w
  }
  const isPowerOfTwo = (size & (size - 1)) === 0
  return { size, hann, hannSum, hannSquareSum, ...(isPowerOfTwo && size >= 4 ? radixPlan(size) : chirpPlan(size)) }
}

function radixPlan(size: number): Pick<FftPlan, 'forwardReal' | 'inverse'> {
  const fft = new FFT(size)
  const out = new Float64Array(2 * size)
  return {
    forwardReal(samples) {
      fft.realTransform(out, samples)
      return out
    },
    inverse(bins) {
      fft.inverseTransform(out, bins)
      return out
    },
  }
}

/**
 * Any other length, by Bluestein's chirp-z identity nk = (n² + k² − (k−n)²)/2, which turns the transform into one
 * convolution of a power-of-two length (L. Bluestein, IEEE Trans. Audio Electroacoust. 18(4), 1970): devices send
 * recordings of 2,560 or 10,000 samples, and padding them would move the bins and smear the amplitudes.
 */
function chirpPlan(size: number): Pick<FftPlan, 'forwardReal' | 'inverse'> {
  let padded = 4
  while (padded < 2 * size - 1) padded *= 2
  const fft = new FFT(padded)
  const chirp = new Float64Array(2 * size)
  for (let n = 0; n < size; n++) {
    // n² mod 2N first: for long recordings πn²/N itself would lose the low digits of the angle.
    const angle = (Math.PI * Number((BigInt(n) * BigInt(n)) % BigInt(2 * size))) / size
    chirp[2 * n] = Math.cos(angle)
    chirp[2 * n + 1] = Math.sin(angle)
  }
  const kernel = new Float64Array(2 * padded)
  for (let n = 0; n < size; n++) {
    for (const at of n === 0 ? [0] : [n, padded - n]) {
      kernel[2 * at] = chirp[2 * n] as number
      kernel[2 * at + 1] = chirp[2 * n + 1] as number
    }
  }
  const kernelBins = new Float64Array(2 * padded)
  fft.transform(kernelBins, kernel)

  const work = new Float64Array(2 * padded)
  const bins = new Float64Array(2 * padded)
  const out = new Float64Array(2 * size)

  /** Transforms `input` (one number a sample, or two when complex) into `out`; `conjugate` both ends to invert. */
  function convolve(input: Float64Array, numbersPerSample: 1 | 2, conjugate: boolean): void {
    work.fill(0)
    for (let n = 0; n < size; n++) {
      const re = input[numbersPerSample * n] as number
      const im = numbersPerSample === 2 ? (input[2 * n + 1] as number) : 0
      const c = chirp[2 * n] as number
      const s = chirp[2 * n + 1] as number
      const y = conjugate ? -im : im
      work[2 * n] = re * c + y * s
      work[2 * n + 1] = y * c - re * s
    }
    fft.transform(bins, work)
    for (let k = 0; k < 2 * padded; k += 2) {
      const a = bins[k] as number
      const b = bins[k + 1] as number
      const c = kernelBins[k] as number
      const d = kernelBins[k + 1] as number
      bins[k] = a * c - b * d
      bins[k + 1] = a * d + b * c
    }
    fft.inverseTransform(work, bins)
    for (let k = 0; k < size; k++) {
      const re = work[2 * k] as number
      const im = work[2 * k + 1] as number
      const c = chirp[2 * k] as number
      const s = chirp[2 * k + 1] as number
      out[2 * k] = re * c + im * s
      const y = im * c - re * s
      out[2 * k + 1] = conjugate ? -y : y
    }
  }

  return {
    forwardReal(samples) {
      convolve(samples, 1, false)
      return out
    },
    inverse(input) {
      convolve(input, 2, true)
      for (let i = 0; i < 2 * size; i++) out[i] = (out[i] as number) / size
      return out
    },
  }
}
