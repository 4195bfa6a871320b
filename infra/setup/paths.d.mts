export declare const root: string
export declare const platformKey: string
export declare const manifestFile: string
export declare function cacheDir(env?: NodeJS.ProcessEnv): string
export declare function findOnPath(name: string, env?: NodeJS.ProcessEnv): string | undefined
export declare function isExecutable(file: string): boolean
export declare function packageDir(name: string): string
export declare function hasPackage(name: string): boolean

export interface ToolLocation {
  path: string
  version: string
  source: 'path' | 'cache' | 'download' | 'build'
}
export interface SetupManifest {
  fingerprint: string
  tools: Partial<Record<'temporal' | 'minio', ToolLocation>>
}
export declare function readManifest(): SetupManifest | undefined
