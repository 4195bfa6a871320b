import type { FitJob, FitProgress, FitResult } from './fit-job.ts'

/** What parent and fitting process say to each other over the IPC channel (advanced serialization: typed arrays pass). */
export type FitRequest = { readonly type: 'fit'; readonly job: FitJob }

export type FitReply =
  | { readonly type: 'progress'; readonly progress: FitProgress }
  | { readonly type: 'fitted'; readonly result: FitResult }
  | { readonly type: 'refused'; readonly code: string; readonly message: string; readonly details: Record<string, unknown> }
