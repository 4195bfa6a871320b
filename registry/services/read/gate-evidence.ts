import type { LinkedComparison } from '../back-test/stored-slice.ts'

/** The parts of a gate's evidence that people decide by; everything else is shown as it was hashed. */
export interface GateEvidence {
  champion?: Side | null
  candidate?: Side | null
  coverage?: { windows: number; assetsWithData: number; assetsWithout: string[]; meanGoodFraction: number | null }
  /** Null where nothing was measured yet. */
  slice?: { from: string | null; to: string | null; assets: string[]; recordedFailures: number }
  drift?: { report: string; verdict: string; release: string; at: string; drifted: string[] } | null
  /** Absent from evidence of before. */
  scores?: 'stored' | 'computed'
  comparison?: LinkedComparison | null
  judgedAgainst?: { failures: number; labels: number; digest: string }
  replay?: { sampled: number; exact: number; equivalent: number; expired: number; failed: number } | null
}
export interface Side {
  release: string
  policy: { name: string; version: number }
  trained: { model: string; kind: string; reason: string; dataset: { rows: number; commitNumber: number }; metrics: { choice?: { because?: string }; evaluation?: { falseAlarmRate?: number | null; leadTime?: unknown } } }
  backTest: { windows: number; episodes: number; confidence?: { median: number | null; p99: number | null; above99: number | null } | null; episodesByRule: Record<string, number>; episodesByAsset: Record<string, number> } | null
}

/** What approvers of other rules see: what changes, and whether anybody could still approve afterwards. */
export interface GovernanceEvidence {
  kind: 'change-governance'
  version: number
  replaces: number
  openGates: 'keep' | 'void'
  changes: { path: string; from: unknown; to: unknown }[]
  canApprove: Record<string, { required: number; able: number; owner?: boolean }>
}
