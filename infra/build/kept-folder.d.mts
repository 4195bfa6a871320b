export declare function keptFolder(
  base: string, digest: string, make: (partial: string, folder: string) => Promise<void>,
): Promise<string>
export declare function holdFolder(folder: string): void
