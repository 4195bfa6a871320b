import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { CliError } from '../errors.ts'
import type { Printer } from '../print.ts'
import { reachGateway } from './ask-gateway.ts'

export const EXPORTS = { readings: 'readings.csv', windows: 'windows.ndjson', alarms: 'alarms.ndjson' } as const

export interface ExportOptions { readonly out: string; readonly from?: string; readonly to?: string; readonly tag?: readonly string[] }

/** `edge export`: what a running gateway still holds, into a file; one that was there is not overwritten. */
export async function exportFromBox(url: string, what: keyof typeof EXPORTS, { out, from, to, tag = [] }: ExportOptions, print: Printer): Promise<void> {
  const query = new URLSearchParams([...(from === undefined ? [] : [['from', from]]), ...(to === undefined ? [] : [['to', to]]), ...tag.map((one) => ['tag', one])])
  const response = await reachGateway(url, `/export/${EXPORTS[what]}?${query.toString()}`, undefined, 3_600_000)
  if (!response.ok || response.body === null) throw new CliError('not_twinward', `The gateway at ${url} does not export ${what} (${response.status}): it is another program, an older version, or --from and --to are no instants (RFC 3339).`)
  let lines = 0
  try {
    await pipeline(Readable.fromWeb(response.body as ReadableStream), async function* count(chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        for (const byte of chunk) if (byte === 10) lines++
        yield chunk
      }
    }, createWriteStream(out, { flags: 'wx', mode: 0o600 }))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw new CliError('file', `${out} is there already; name another file with --out.`)
    await rm(out, { force: true })
    throw code === 'ENOSPC' || code === 'EACCES' || code === 'ENOENT' ? new CliError('file', `${out} cannot be written (${code}). Check the path, who may write there, and the room on the disk.`) : error
  }
  const count = what === 'readings' ? lines - 1 : lines
  print.line(`${count} ${what} are in ${out}.`)
  if (count === 0 && what === 'readings') print.line('What has shipped, or was read without a platform, stays on the box only where its site file says so: buffer: { keepRaw: { for: 24 h, cap: 2 GiB } }.')
  print.document({ what, out, count })
}
