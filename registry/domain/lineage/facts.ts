/** What there is to tell of the runs that lead to a decision; instants are UTC microseconds. */

export interface Version { readonly name: string; readonly version: number; readonly digest: string }

export interface DatasetFacts { readonly id: string; readonly digest: string; readonly rows: number }

/** A training run, from when it was asked for. */
export interface TrainingFacts {
  readonly site: string
  readonly operation: string
  readonly family: string
  readonly reason: string
  readonly requestedBy: string
  readonly startUs: number
  readonly end: { readonly state: 'succeeded' | 'failed' | 'cancelled'; readonly atUs: number; readonly error: string | null } | null
  /** Event time of the windows learned from; null: from as far back as there are any. */
  readonly fromUs: number | null
  readonly toUs: number
  /** Whose windows, and as of which of their commits, once that is known. */
  readonly sites: readonly { readonly site: string; readonly commitNumber: number | null }[]
  readonly dataset: DatasetFacts | null
  readonly models: readonly (Version & { readonly kind: string })[]
}

/** How a model version came here otherwise than by a training run: registered from outside, or taken over from another site. */
export interface ArrivalFacts {
  readonly site: string
  readonly family: string
  readonly model: Version
  readonly by: string
  readonly atUs: number
  readonly dataset: DatasetFacts
  readonly copiedFrom: { readonly site: string; readonly name: string; readonly version: number } | null
  readonly run: string
}

/** A release that judges under an assignment. */
export interface JudgingFacts {
  readonly site: string
  readonly assignment: string
  readonly family: string
  readonly role: string
  readonly scope: { readonly kind: string; readonly id: string }
  readonly startUs: number
  readonly endUs: number | null
  readonly release: { readonly id: string; readonly digest: string }
  readonly model: Version
  readonly featureSet: Version
  readonly policy: { readonly version: number; readonly digest: string }
  readonly reason: string
  readonly assignedBy: string
  readonly gate: string | null
  readonly decisions: readonly { readonly actor: string; readonly roles: readonly string[]; readonly verdict: string; readonly evidenceDigest: string; readonly atUs: number }[]
}

export interface BatchFacts {
  readonly gateway: string
  readonly epoch: string
  readonly sequence: number
  readonly digest: string
  readonly objectKey: string
  readonly commitNumber: number
  readonly receivedUs: number
  readonly committedUs: number
}

/** One window that was scored, and what followed. */
export interface ScoringFacts {
  readonly site: string
  readonly asset: string
  readonly family: string
  readonly score: { readonly id: string; readonly score: number | null; readonly confidence: number | null; readonly severity: string | null; readonly atUs: number }
  readonly window: { readonly startUs: number; readonly endUs: number; readonly revision: number; readonly commitNumber: number }
  readonly tags: readonly { readonly tag: string; readonly kind: 'readings' | 'waveforms'; readonly count: number }[]
  readonly batches: readonly BatchFacts[]
  readonly model: Version
  readonly featureSet: Version
  readonly policy: { readonly version: number; readonly digest: string }
  readonly judging: JudgingFacts | null
  /** The operation that judged the window anew, where the score is not what decided then. */
  readonly rescore: string | null
  readonly alerts: readonly AlertFacts[]
}

export interface AlertFacts {
  readonly alert: string
  readonly rule: string
  readonly severity: string
  readonly startUs: number
  readonly endUs: number | null
  readonly workOrder: { readonly number: string; readonly title: string; readonly state: string } | null
  readonly outcomes: readonly { readonly by: string; readonly verdict: string; readonly failureMode: string | null; readonly atUs: number }[]
}
