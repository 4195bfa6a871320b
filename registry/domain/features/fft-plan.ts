import { refuse } from '../errors.ts'
import { createTransform, type Transform } from './fft-any-length.ts'

/**
 * What is worth keeping between transforms of one length. The buffers that `forwardReal` and `inverse` return belong
 * to the plan and are overwritten by its next call: copy what must outlive it.
 */
export interface FftPlan extends Transform {
  readonly size: number
  /** Periodic Hann window, w[i] = (1 − cos 2πi/N)/2, with its sums Σw and Σw². */
  readonly hann: Float64Array
  readonly hannSum: number
  readonly hannSquareSum: number
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
  return { size, hann, hannSum, hannSquareSum, ...createTransform(size) }
}
