import FFT from 'fft.js'

/** Interleaved complex numbers: `[re0, im0, re1, im1, …]`. */
export type ComplexArray = Float64Array

/** Discrete Fourier transforms of one length N; the arrays returned are overwritten by the next call. */
export interface Transform {
  /** Bins 0 … ⌊N/2⌋ of the transform of N real samples. */
  forwardReal(samples: Float64Array): ComplexArray
  /** The whole inverse transform, scaled by 1/N, of N complex bins. */
  inverse(bins: ComplexArray): ComplexArray
}

/** Above this the quadratic part of the composite transform costs more than a convolution. */
const LARGEST_ODD_FACTOR = 31

/**
 * Devices send recordings of 4,096, but also of 2,560 or 10,000 samples, and padding those would move the bins and
 * smear the amplitudes: every length has its own exact transform.
 */
export function createTransform(size: number): Transform {
  let powerOfTwo = 1
  while (size % (2 * powerOfTwo) === 0) powerOfTwo *= 2
  const factor = size / powerOfTwo
  if (powerOfTwo < 4) return chirpTransform(size)
  if (factor === 1) return powerOfTwoTransform(size)
  return factor <= LARGEST_ODD_FACTOR ? compositeTransform(factor, powerOfTwo) : chirpTransform(size)
}

function powerOfTwoTransform(size: number): Transform {
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
 * Length m·p with p a power of two, by one Cooley–Tukey step: m transforms of every m-th sample, then
 * X[k] = Σᵣ e^(−2πi·rk/N) · Xᵣ[k mod p].
 */
function compositeTransform(m: number, p: number): Transform {
  const size = m * p
  const fft = new FFT(p)
  const turn = new Float64Array(2 * size)
  for (let i = 0; i < size; i++) {
    turn[2 * i] = Math.cos((2 * Math.PI * i) / size)
    turn[2 * i + 1] = Math.sin((2 * Math.PI * i) / size)
  }
  const part = new Float64Array(2 * p)
  const parts = Array.from({ length: m }, () => new Float64Array(2 * p))
  const out = new Float64Array(2 * size)

  /** Bins 0 … `bins` − 1 from the transformed parts; `sign` −1 forward, +1 inverse. */
  function combine(bins: number, sign: 1 | -1): void {
    for (let k = 0; k < bins; k++) {
      const at = 2 * (k % p)
      let re = 0
      let im = 0
      let angle = 0
      for (let r = 0; r < m; r++) {
        const bin = parts[r] as Float64Array
        const a = bin[at] as number
        const b = bin[at + 1] as number
        const c = turn[2 * angle] as number
        const s = sign * (turn[2 * angle + 1] as number)
        re += a * c - b * s
        im += a * s + b * c
        angle += k
        if (angle >= size) angle -= size
      }
      out[2 * k] = re
      out[2 * k + 1] = im
    }
  }

  return {
    forwardReal(samples) {
      for (let r = 0; r < m; r++) {
        for (let n = 0; n < p; n++) {
          part[2 * n] = samples[m * n + r] as number
          part[2 * n + 1] = 0
        }
        fft.transform(parts[r] as Float64Array, part)
      }
      combine(Math.floor(size / 2) + 1, -1)
      return out
    },
    inverse(bins) {
      for (let r = 0; r < m; r++) {
        for (let n = 0; n < p; n++) {
          part[2 * n] = bins[2 * (m * n + r)] as number
          part[2 * n + 1] = bins[2 * (m * n + r) + 1] as number
        }
        // Scaled by 1/p here, by 1/m below.
        fft.inverseTransform(parts[r] as Float64Array, part)
      }
      combine(size, 1)
      for (let i = 0; i < 2 * size; i++) out[i] = (out[i] as number) / m
      return out
    },
  }
}

/**
 * Every other length, by Bluestein's chirp-z identity nk = (n² + k² − (k−n)²)/2, which turns the transform into one
 * convolution of a power-of-two length (L. Bluestein, IEEE Trans. Audio Electroacoust. 18(4), 1970).
 */
function chirpTransform(size: number): Transform {
  let padded = 4
  while (padded < 2 * size - 1) padded *= 2
  const fft = new FFT(padded)
  const chirp = new Float64Array(2 * size)
  for (let n = 0; n < size; n++) {
    // n² mod 2N first (exact in a double up to 2²⁶ samples): πn²/N itself would lose the low digits of the angle.
    const angle = (Math.PI * ((n * n) % (2 * size))) / size
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
