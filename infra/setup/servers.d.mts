export declare function compareVersions(a: string, b: string): number
export declare function programVersion(text: string): string
