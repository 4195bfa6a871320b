import { batchHeaderSchema, batchLimits, type BatchHeader } from '../contract/batch.ts'
import { refuse } from '../errors.ts'

/** Where the header stands in the stream's custom metadata. */
export const HEADER_KEY = 'twinward'

/** Refuses `contract_broken` what is not a header of this contract, `too_large` one above the limits. */
export function parseHeader(text: string | undefined): BatchHeader {
  if (text === undefined) refuse('contract_broken', `The batch has no header: put it as JSON into the schema's metadata under the key "${HEADER_KEY}".`)
  const parsed = batchHeaderSchema.safeParse(parseJson(text))
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => ({ field: issue.path.join('.') || '(whole)', problem: issue.message }))
    refuse('contract_broken', `The batch header breaks the contract: ${issues.map(({ field, problem }) => `${field}: ${problem}`).join('; ')}`.slice(0, 1000), { issues: issues.slice(0, 20) })
  }
  if (parsed.data.count > batchLimits.rows) {
    refuse('too_large', `The batch has ${parsed.data.count} rows; at most ${batchLimits.rows} go into one. Cut smaller batches.`, { count: parsed.data.count })
  }
  return parsed.data
}

/** Refuses `too_large` before anything is read. */
export function checkSize(bytes: Uint8Array): void {
  if (bytes.length > batchLimits.bytes) {
    refuse('too_large', `The batch has ${bytes.length} bytes; at most ${batchLimits.bytes} go into one. Cut smaller batches.`, { bytes: bytes.length })
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return refuse('contract_broken', 'The batch header is not JSON.')
  }
}
