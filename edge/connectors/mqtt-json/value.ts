import { BAD, GOOD, qualityReasons, UNCERTAIN } from '../../../registry/domain/contract/quality.ts'
import type { MessageShape } from './config.ts'

/** A number, or what stands there instead. */
export type ReadValue = { readonly raw: number; readonly quality: number } | { readonly refused: string }

const NUMBER = /^[+-]?(\d{1,400}(\.\d{0,400})?|\.\d{1,400})([eE][+-]?\d{1,4})?$/

export function readValue(value: unknown, words: MessageShape['words']): ReadValue {
  if (typeof value === 'number') return ofNumber(value)
  if (typeof value === 'boolean') return { raw: value ? 1 : 0, quality: GOOD }
  if (value === null || value === '') return { raw: NaN, quality: BAD | qualityReasons.missing }
  if (typeof value === 'string') {
    const text = value.trim()
    if (Object.hasOwn(words, text)) return ofNumber(words[text] ?? NaN)
    return NUMBER.test(text) ? ofNumber(Number(text)) : { refused: `a text ("${text.slice(0, 40)}"); where it stands for a number, add it to words` }
  }
  return { refused: Array.isArray(value) ? 'a list; name an element ([0], [*]), or make the tag a waveform' : 'an object; go on with the path to the number within' }
}

const ofNumber = (raw: number): ReadValue => (Number.isFinite(raw) ? { raw, quality: GOOD } : { raw: NaN, quality: BAD | qualityReasons.notFinite })

type Word = string | number | boolean
const GOOD_WORDS: readonly Word[] = ['good', 'ok', 'valid', 'true', '192']
const UNCERTAIN_WORDS: readonly Word[] = ['uncertain', 'stale', '64']

/** Nothing said is good; what is not among the words known is bad. */
export function readQuality(value: unknown, { good, uncertain }: NonNullable<MessageShape['quality']>): number {
  if (value === undefined) return GOOD
  const isWord = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
  if (!isWord) return BAD | qualityReasons.device
  const [word, goods, uncertains]: [Word, readonly Word[], readonly Word[]] = good.length > 0 ? [value, good, uncertain] : [String(value).toLowerCase(), GOOD_WORDS, UNCERTAIN_WORDS]
  if (goods.includes(word)) return GOOD
  return (uncertains.includes(word) ? UNCERTAIN : BAD) | qualityReasons.device
}

/** Numbers of a list as samples; null where there is none becomes NaN, by which the gateway knows a bad waveform. */
export function readSamples(value: unknown): Float32Array | { readonly refused: string } {
  if (!Array.isArray(value)) return { refused: 'no list of numbers, but mapped as a waveform' }
  const samples = new Float32Array(value.length)
  for (let i = 0; i < samples.length; i++) {
    const sample: unknown = value[i]
    if (typeof sample !== 'number' && sample !== null) return { refused: 'a list that holds more than numbers' }
    samples[i] = sample ?? NaN
  }
  return samples
}
