export declare function findSetpriv(): string | undefined
