import type { Sources } from './sources.mjs'

export interface BundleSources {
  /** Its folder in `.cache`. */
  name: string
  /** From the clone's top, with all below them. */
  folders: readonly string[]
  files?: readonly string[]
  /** The clone's top, unless told. */
  top?: string
}
export interface BundleMaking {
  partial: string
  folder: string
  sources: Sources
  top: string
}
export declare function keptBundle(
  sources: BundleSources, make: (making: BundleMaking) => Promise<readonly string[] | void>,
): Promise<string>
