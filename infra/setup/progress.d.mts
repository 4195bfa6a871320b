export interface ProgressTask {
  update: (detail: string, fraction?: number) => void
  done: (note?: string) => void
  fail: (note?: string) => void
}
export declare function createProgress(options?: {
  stream?: { write: (text: string) => unknown; columns?: number }
  now?: () => number
  tty?: boolean
}): { say: (line: string) => void; task: (name: string) => ProgressTask }
export declare function bar(fraction: number | undefined): string
