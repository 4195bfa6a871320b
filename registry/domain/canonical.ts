import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { refuse } from './errors.ts'

/** Deeper than any document of ours; a cycle runs into it, so it ends in a refusal and not in a stack overflow. */
const MAX_DEPTH = 100

/**
 * Canonical JSON after RFC 8785 (JCS): keys sorted by UTF-16 code unit, no blanks, numbers as ECMAScript prints them.
 * Two values have the same text exactly when they are the same JSON value, so digests and signatures may rest on it.
 *
 * As with `JSON.stringify`, a property whose value is `undefined` is left out, so that an object and its JSON round
 * trip agree. Everything JSON would change silently (NaN, infinity, Date, Map, typed arrays, bigint, functions,
 * lone surrogates, `undefined` in an array) is refused with its path: code `invalid`.
 */
export function canonicalJson(value: unknown): string {
  return write(value, '$', 0)
}

/** SHA-256 as lower-case hex; a text is hashed as its UTF-8 bytes. */
export function sha256Hex(content: string | Uint8Array): string {
  return bytesToHex(sha256(typeof content === 'string' ? utf8ToBytes(content) : content))
}

/** The digest by which versioned definitions (feature sets, policies, evidence) are named: SHA-256 of canonical JSON. */
export function canonicalDigest(value: unknown): string {
  return sha256Hex(canonicalJson(value))
}

function write(value: unknown, path: string, depth: number): string {
  if (depth > MAX_DEPTH) {
    refuse('invalid', `${path.slice(0, 80)}… is nested deeper than ${MAX_DEPTH} levels or refers to itself; canonical JSON `
      + 'must be a finite tree: break the cycle or flatten the value')
  }
  switch (typeof value) {
    case 'string':
      return writeString(value, path)
    case 'number':
      if (!Number.isFinite(value)) unfit(value, path, 'use null or leave the property out')
      return JSON.stringify(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      if (value === null) return 'null'
      if (Array.isArray(value)) return writeArray(value, path, depth)
      return writeObject(value, path, depth)
    default:
      return unfit(value, path, 'convert it to a string, number, boolean, array, plain object or null first')
  }
}

function writeString(text: string, path: string): string {
  if (/\p{Surrogate}/u.test(text)) unfit(text, path, 'the text holds half of a surrogate pair, which has no UTF-8 form')
  return JSON.stringify(text)
}

function writeArray(items: readonly unknown[], path: string, depth: number): string {
  let out = '['
  for (let i = 0; i < items.length; i++) {
    if (i > 0) out += ','
    out += write(items[i], `${path}[${i}]`, depth + 1)
  }
  return out + ']'
}

function writeObject(object: object, path: string, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(object)
  if (prototype !== Object.prototype && prototype !== null) {
    unfit(object, path, 'only plain objects and arrays have a canonical form; convert it first')
  }
  let out = '{'
  for (const key of Object.keys(object).sort()) {
    const member = (object as Record<string, unknown>)[key]
    if (member === undefined) continue
    if (out.length > 1) out += ','
    out += `${writeString(key, path)}:${write(member, `${path}.${key}`, depth + 1)}`
  }
  return out + '}'
}

function unfit(value: unknown, path: string, cure: string): never {
  const kind = typeof value === 'number' ? `the number ${value}`
    : typeof value === 'object' && value !== null ? `a ${value.constructor?.name ?? 'object without a plain prototype'}`
    : `of type ${typeof value}`
  return refuse('invalid', `${path} is ${kind}, which canonical JSON cannot hold; ${cure}`, { path })
}
