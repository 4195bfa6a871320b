export declare function minimumNode(version: string): string | undefined
