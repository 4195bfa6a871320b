export interface NodeBundle {
  /** Its folder in `.cache`. */
  name: string
  /** Folders from the clone's top, beside the rooms. */
  beside?: readonly string[]
  entryPoints: readonly string[]
  defined?: (folder: string) => Record<string, string>
  /** The clone's top, unless told. */
  top?: string
}
export declare function nodeBundle(bundle: NodeBundle): Promise<string>
export declare function bundledFile(bundle: string, source: string): string
