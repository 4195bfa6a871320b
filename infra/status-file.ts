import path from 'node:path'
import type { ChildStatus } from './supervisor.ts'

/** One line of `twinward status`: a server or one of our processes. */
export interface PartStatus {
  name: string
  kind: 'embedded' | 'external' | 'process'
  /** As supervision sees it; `unhealthy`: it runs but does not answer; `unreachable`: somebody else's server does not answer. */
  state: ChildStatus['state'] | 'unhealthy' | 'unreachable'
  address?: string
  version?: string
  uiUrl?: string
  pid?: number
  restarts: number
  /** When it entered this state, ISO 8601. */
  since?: string
  lastExit?: ChildStatus['lastExit']
  /** What is wrong, or why it ended last. */
  detail?: string
}

/** What `status.json` in the data folder holds. It names no secret. */
export interface PlatformStatus {
  /** The platform's own process. */
  pid: number
  url: string
  startedAt: string
  updatedAt: string
  parts: PartStatus[]
}

export const statusFile = (dataDir: string) => path.join(dataDir, 'status.json')
