export declare function bundlePrograms(top?: string): Promise<string>
export declare function programOf(file: string, top?: string): string | undefined
