export interface ProcessIdentity { started: string; command: string }
export declare function processIdentity(pid: number): ProcessIdentity | undefined
export declare function isSameProcess(pid: number, started: string | undefined): boolean
export type LockAttempt = { release: () => void; owner?: undefined } | { release?: undefined; owner: number | undefined }
export declare function tryLock(dir: string): LockAttempt
export declare function waitForLock(dir: string, onWait?: (pid: number | undefined) => void): Promise<{ release: () => void }>
