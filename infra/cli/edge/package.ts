import { mkdtempSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { bundleEdge } from '../../build/edge-bundle.ts'
import { packUpdate } from '../../build/edge-update.ts'
import type { CommandContext } from '../context.ts'
import { CliError } from '../errors.ts'

interface Issued { digest: string; key: string; issue: number; version: string; sealed: string }

/** `edge package`: the gateway of this clone as an update for machines like this one, signed by the platform. */
export async function packageEdge({ out, version }: { readonly out: string; readonly version: string }, { api, print, site }: Pick<CommandContext, 'api' | 'print' | 'site'>): Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'twinward-package-'))
  try {
    await bundleEdge(folder, version)
    const { draft, payload } = packUpdate(folder, version)
    const { sealed, ...issued } = await api.post<Issued>('/v1/gateway-updates/issues', draft, { site })
    const bytes = Buffer.concat([Buffer.from(sealed, 'base64'), payload])
    await writeFile(out, bytes).catch((error: NodeJS.ErrnoException) => {
      throw new CliError('file', `${out} cannot be written (${error.code ?? error.message}). Name another file with --out.`)
    })
    print.line(`Gateway ${version} (issue ${issued.issue}) for ${draft.platform}/${draft.arch} is in ${out} (${(bytes.length / 1e6).toFixed(1)} MB), signed by key ${issued.key}. On the gateway: twinward-edge update ${out} --for SITE.yaml`)
    print.document({ ...issued, platform: draft.platform, arch: draft.arch, bytes: bytes.length, out })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
