import { readFileSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { admitBundle, type InForce, type Place } from '../../registry/domain/bundle/admit.ts'
import { MAX_BUNDLE_BYTES } from '../../registry/domain/bundle/envelope.ts'
import { openBundle, type OpenBundle } from '../../registry/domain/bundle/open.ts'
import { refuse } from '../../registry/domain/errors.ts'
import { isLeftOver, makeFolder, namesIn, putDurably } from '../put-durably.ts'
import { createTrustedKeys, type TrustedKeys } from './trusted-keys.ts'

/** The bundles of a gateway, in a folder of its data. */
export interface BundleStore {
  readonly keys: TrustedKeys
  /**
   * Checks a bundle and puts it in force for its machines; whatever fails leaves the former ones in force. Installing
   * the same again changes nothing. Refuses as `openBundle` and `admitBundle` do.
   */
  install(bytes: Uint8Array, place: Place): { readonly bundle: OpenBundle; readonly made: boolean }
  /** What judges each machine: of the bundles that pass their check now, the one issued last. */
  load(): LoadedBundles
}

export interface LoadedBundles {
  readonly byAsset: ReadonlyMap<string, OpenBundle>
  /** Files that did not pass: those before them stay in force. For a person. */
  readonly problems: readonly string[]
}

/** In force and the one before it, should the newest be damaged on this disk. */
const KEPT = 2

/**
 * Which bundle counts follows from the files alone, as each is signed and says its issue: there is no list beside them
 * that could be lost, or say something else. A file is there whole or not at all.
 */
export function createBundleStore(directory: string): BundleStore {
  const keys = createTrustedKeys(path.join(directory, 'keys'))
  const folder = path.join(directory, 'bundles')

  function openAll(): { opened: { name: string; bundle: OpenBundle }[]; problems: string[] } {
    const opened: { name: string; bundle: OpenBundle }[] = []
    const problems: string[] = []
    for (const name of namesIn(folder).filter((one) => one.endsWith('.twb'))) {
      try {
        opened.push({ name, bundle: openBundle(readBundleFile(path.join(folder, name)), keys.check) })
      } catch (error) {
        // A bad sector, or a file that another process has just taken away: the others judge on.
        problems.push(`${name} in ${folder} is not used: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
    opened.sort((a, b) => issueOf(b.bundle) - issueOf(a.bundle))
    return { opened, problems }
  }

  const byAsset = (opened: readonly { bundle: OpenBundle }[]): Map<string, OpenBundle[]> => {
    const found = new Map<string, OpenBundle[]>()
    for (const { bundle } of opened) for (const asset of bundle.manifest.assets) found.set(asset, [...found.get(asset) ?? [], bundle])
    return found
  }

  /** Removes what counts for no machine, and what an interrupted installation left; never the newest that passes. */
  function tidy(): void {
    const { opened } = openAll()
    const kept = new Set([...byAsset(opened).values()].flatMap((bundles) => bundles.slice(0, KEPT)))
    for (const { name, bundle } of opened) if (!kept.has(bundle)) rmSync(path.join(folder, name), { force: true })
    for (const name of namesIn(folder)) if (isLeftOver(name)) rmSync(path.join(folder, name), { force: true })
  }

  return {
    keys,
    install(bytes, place) {
      const bundle = openBundle(bytes, keys.check)
      const inForce = new Map([...byAsset(openAll().opened)].map(([asset, [newest]]): [string, InForce] =>
        [asset, { digest: (newest as OpenBundle).digest, issueNumber: issueOf(newest as OpenBundle) }]))
      admitBundle(bundle, place, inForce)
      if (bundle.manifest.assets.every((asset) => inForce.get(asset)?.digest === bundle.digest)) return { bundle, made: false }
      makeFolder(folder)
      putDurably(path.join(folder, `${String(issueOf(bundle)).padStart(12, '0')}-${bundle.digest.slice(0, 16)}.twb`), bytes)
      tidy()
      return { bundle, made: true }
    },
    load() {
      const { opened, problems } = openAll()
      return { byAsset: new Map([...byAsset(opened)].map(([asset, [newest]]) => [asset, newest as OpenBundle])), problems }
    },
  }
}

/** A bundle's bytes from a file; one that is too large is not read at all. */
export function readBundleFile(file: string): Uint8Array {
  const { size } = statSync(file)
  if (size > MAX_BUNDLE_BYTES) {
    refuse('too_large', `${file} has ${size} bytes, and a bundle at most ${MAX_BUNDLE_BYTES}. Export it for fewer machines, or train a smaller model.`, { fault: 'too_large', bytes: size })
  }
  return readFileSync(file)
}

const issueOf = ({ manifest }: OpenBundle): number => manifest.issue.number
