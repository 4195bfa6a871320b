import { readFile } from 'node:fs/promises'
import { createBundleStore, readBundleFile, type BundleStore } from '../../../edge/judge/bundle-store.ts'
import { judgeFolder, placeOf } from '../../../edge/site/judging.ts'
import { readSiteFile, type SiteFile } from '../../../edge/site/site-file.ts'
import type { Printer } from '../print.ts'
import { readOrRefuse } from './read-or-refuse.ts'

export interface InstallOptions {
  /** The site file of the gateway it is for. */
  readonly for: string
  /** PEM file of a platform's key, to be trusted from now on. */
  readonly trust?: string
}

/** `edge install`: checks a bundle against this gateway and puts it in force; refused, what judged before goes on. A key stays trusted either way. */
export async function installBundle(file: string, options: InstallOptions, env: NodeJS.ProcessEnv, print: Printer): Promise<void> {
  const site = await readSiteFile(options.for, { env })
  const store = storeOf(site)
  const bytes = await readOrRefuse(file, 'bundle', (name) => readBundleFile(name))
  const trusted = options.trust === undefined ? null : store.keys.trust(await readOrRefuse(options.trust, 'key', (name) => readFile(name, 'utf8')))
  const { bundle: { manifest, digest, keyId }, made } = store.install(bytes, placeOf(site.plan))
  const { id } = manifest.release
  if (trusted !== null) print.line(`Bundles signed by key ${trusted} are trusted here.`)
  print.line(`${id} (issue ${manifest.issue.number}) ${made ? 'is now' : 'was already'} in force for ${manifest.assets.join(', ')}.`)
  print.document({ release: id, issue: manifest.issue.number, digest, assets: manifest.assets, key: keyId, made })
}

/** `edge trust`: bundles signed by a platform's key are taken from now on, by hand or over the uplink. */
export async function trustKey(file: string, siteFile: string, env: NodeJS.ProcessEnv, print: Printer): Promise<void> {
  const store = storeOf(await readSiteFile(siteFile, { env }))
  const key = store.keys.trust(await readOrRefuse(file, 'key', (name) => readFile(name, 'utf8')))
  print.line(`Bundles signed by key ${key} are trusted here. Compare it with "twinward bundle-key" on the platform.`)
  print.document({ key, trustedKeys: store.keys.ids() })
}

/** `edge bundles`: what judges each machine of this gateway; false when a file in its folder does not pass its check. */
export async function showBundles(siteFile: string, env: NodeJS.ProcessEnv, print: Printer): Promise<boolean> {
  const site = await readSiteFile(siteFile, { env })
  const store = storeOf(site)
  const { byAsset, problems } = store.load()
  const items = [...placeOf(site.plan).assets].sort().map((asset) => {
    const found = byAsset.get(asset)
    return {
      asset, release: found?.manifest.release.id ?? null, model: found === undefined ? null : `${found.manifest.model.name}@${found.manifest.model.version}`,
      policy: found?.manifest.policy.definition.version ?? null, issue: found?.manifest.issue.number ?? null, issuedBy: found?.manifest.issue.by ?? null,
    }
  })
  print.table(items, ['asset', 'release', 'model', 'policy', 'issue', 'issuedBy'])
  for (const problem of problems) print.line(problem)
  print.document({ items, trustedKeys: store.keys.ids(), problems })
  return problems.length === 0
}

const storeOf = ({ plan }: SiteFile): BundleStore => createBundleStore(judgeFolder(plan.buffer.directory))
