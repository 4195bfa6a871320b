import type { BundleManifest } from './manifest.ts'
import { refuseBundle } from './refusal.ts'

/** What a gateway is, as far as it decides whether a bundle is for it. */
export interface Place {
  readonly site: string
  readonly assets: ReadonlySet<string>
  /** Tags that it reads. */
  readonly tags: ReadonlySet<string>
}

/** Which bundle counts for a machine now. */
export interface InForce { readonly digest: string; readonly issueNumber: number }

/**
 * Whether an opened bundle is for this gateway, and newer than what is in force; refuses it with the cure otherwise. The
 * very bundle that is in force is let in again, so that an installation may be repeated.
 */
export function admitBundle({ digest, manifest }: { readonly digest: string; readonly manifest: BundleManifest }, place: Place, inForce: ReadonlyMap<string, InForce>): void {
  const { site, assets, tags, issue, release } = manifest
  if (site !== place.site) {
    refuseBundle('wrong_site', `This bundle is for site ${site}, and this gateway belongs to ${place.site}. Export one there: "twinward bundle … --site ${place.site}".`, { site, expected: place.site })
  }
  const strangers = assets.filter((asset) => !place.assets.has(asset))
  if (strangers.length > 0) {
    refuseBundle('wrong_asset', `This bundle judges ${named(strangers)}, which this gateway does not read. Export one for machines of this gateway (--asset), or correct its site file.`, { assets: strangers })
  }
  const unread = tags.filter((tag) => tag.toUs === null && !place.tags.has(tag.tag)).map(({ tag }) => tag)
  if (unread.length > 0) {
    refuseBundle('wrong_tags', `Release ${release.id} needs ${named(unread)}, which this gateway does not read, so it would judge from a part. Add ${unread.length === 1 ? 'it' : 'them'} to the site file; a machine `
      + 'that several gateways measure is judged on the platform.', { tags: unread })
  }
  for (const asset of assets) {
    const now = inForce.get(asset)
    if (now === undefined || now.digest === digest || now.issueNumber < issue.number) continue
    refuseBundle('older', `This bundle (issue ${issue.number}) is not newer than the one in force for ${asset} (issue ${now.issueNumber}). To go back to an earlier release, assign it on the platform and export it again: `
      + 'that is a new issue.', { asset, issue: issue.number, inForce: now.issueNumber })
  }
}

const SHOWN = 5
const named = (names: readonly string[]): string =>
  names.length <= SHOWN ? names.join(', ') : `${names.slice(0, SHOWN).join(', ')} and ${names.length - SHOWN} more`
