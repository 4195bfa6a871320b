import path from 'node:path'
import type { Command } from 'commander'
import type { Open } from '../context.ts'
import type { EdgeShell } from './edge.ts'

/** Commands of `twinward edge` that need the platform's API, or these sources. */
export function addEdgeCommandsOfClone(edge: Command, shell: EdgeShell, open: Open): void {
  edge.command('register <site>').description('register the site, machines and tags of a site file at the platform; twice changes nothing')
    .action(async (site: string, _options: unknown, command: Command) => {
      const { assetsOfSite } = await import('../edge/assets.ts')
      const document = await assetsOfSite(site, shell.env)
      const { api, print } = await open(command)
      const { registerAssets } = await import('../register-assets.ts')
      await registerAssets(document, api, print)
    })

  edge.command('bundle <dir>').description('put a gateway into a folder that runs on a machine without this clone (Node and the same platform as here)')
    .action(async (directory: string, _options: unknown, command: Command) => {
      const { bundleEdge } = await import('../../build/edge-bundle.ts')
      const { bytes, packages } = await bundleEdge(path.resolve(directory), shell.version())
      const print = shell.print(command)
      print.line(`A gateway is in ${directory} (${(bytes / 1e6).toFixed(1)} MB, with ${packages.join(', ')}). Run it: node ${path.join(directory, 'twinward-edge.mjs')} run SITE.yaml`)
      print.document({ directory: path.resolve(directory), bytes, packages })
    })

  edge.command('package').description('make a signed update of the gateway\'s program, for gateways on machines like this one (edge update)')
    .requiredOption('--out <file>', 'where to write it').option('--as <version>', 'call it this version instead of the clone\'s, e.g. 0.3.1-plant.2')
    .action(async ({ out, as }: { out: string; as?: string }, command: Command) => {
      const { packageEdge } = await import('../edge/package.ts')
      await packageEdge({ out, version: as ?? shell.version() }, await open(command))
    })
}
