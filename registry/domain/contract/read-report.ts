import { refuse } from '../errors.ts'
import { arrivedReportSchema, type ArrivedReport } from './gateway-report.ts'

/** Five hundred gaps and a few tag maps are far below it. */
export const MOST_REPORT_BYTES = 4 * 1024 * 1024

/**
 * A report out of the bytes that came in from the named gateway. Fields it does not know are left out, so that a newer
 * gateway may say more. Refuses what is too large (`too_large`) or breaks the contract (`contract_broken`).
 */
export function readReport(bytes: Uint8Array, channel: { site: string; gateway: string }): ArrivedReport {
  if (bytes.length > MOST_REPORT_BYTES) {
    refuse('too_large', `The report has ${bytes.length} bytes; ${MOST_REPORT_BYTES} are the most. Send fewer gaps and maps at once.`, { bytes: bytes.length })
  }
  const parsed = arrivedReportSchema.safeParse(parse(bytes))
  if (!parsed.success) {
    const named = parsed.error.issues.slice(0, 3).map(({ path, message }) => `${path.join('.') || 'report'}: ${message}`).join('; ')
    refuse('contract_broken', `The report does not keep the contract: ${named}`.slice(0, 500))
  }
  const { site, gateway } = parsed.data
  if (site !== channel.site || gateway !== channel.gateway) {
    refuse('contract_broken', `The report says gateway ${site}/${gateway}, but it came from ${channel.site}/${channel.gateway}.`)
  }
  return parsed.data
}

function parse(bytes: Uint8Array): unknown {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return JSON.parse(text, keepable)
  } catch (error) {
    return refuse('contract_broken', `The report is not JSON that can be kept: ${error instanceof Error ? error.message.slice(0, 200) : 'unreadable'}`)
  }
}

/** The database keeps neither NUL nor half a surrogate pair. */
const UNFIT = /[\0\p{Surrogate}]/u

function keepable(key: string, value: unknown): unknown {
  if (UNFIT.test(key) || (typeof value === 'string' && UNFIT.test(value))) throw new Error('a text holds NUL or half of a surrogate pair')
  return value
}
