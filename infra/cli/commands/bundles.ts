import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { Open } from '../context.ts'
import { CliError } from '../errors.ts'

interface Bundle { digest: string; key: string; issue: number; release: string; assets: string[]; bytes: string }

export function addBundleCommands(program: Command, open: Open): void {
  program.command('bundle <release>').description('issue a release that is in force as a signed file, for the gateway that reads these machines')
    .requiredOption('--asset <asset...>', 'machines of that gateway').requiredOption('--out <file>', 'where to write it')
    .action(async (release: string, { asset, out }: { asset: string[]; out: string }, command: Command) => {
      const { api, print, site } = await open(command)
      const { bytes, ...about } = await api.post<Bundle>(`/v1/releases/${encodeURIComponent(release)}/bundles`, { assets: asset }, { site })
      await written(out, Buffer.from(bytes, 'base64'))
      print.line(`Issue ${about.issue} of ${about.release} for ${about.assets.join(', ')} is in ${out}, signed by key ${about.key}. On the gateway: twinward edge install ${out} --for SITE.yaml`)
      print.document({ ...about, out })
    })

  program.command('bundle-key').description('the public key by which gateways check bundles')
    .option('--out <file>', 'write it there (PEM)')
    .action(async ({ out }: { out?: string }, command: Command) => {
      const { api, print } = await open(command)
      const found = await api.get<{ key: string; publicKey: string }>('/v1/bundle-key')
      if (out === undefined) print.line(found.publicKey.trimEnd())
      else await written(out, found.publicKey)
      print.line(`Its id is ${found.key}: compare it where you trust it.`)
      print.document(found)
    })
}

async function written(file: string, content: string | Uint8Array): Promise<void> {
  await writeFile(file, content).catch((error: NodeJS.ErrnoException) => {
    throw new CliError('file', `${file} cannot be written (${error.code ?? error.message}). Name another file with --out.`)
  })
}
