/** Content by name; names are relative to the top and have slashes on every system. */
export type Sources = ReadonlyMap<string, Buffer>
export declare function readSources(top: string, folders: readonly string[], files?: readonly string[]): Sources
export declare function digestOf(sources: Sources, ...more: string[]): string
