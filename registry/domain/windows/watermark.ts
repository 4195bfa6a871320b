/** How far one source (a gateway's buffer, `gateway/epoch`) of an asset had come in a lane. */
export interface SourceProgress {
  /** All readings before this were shipped, as far as the source knows. */
  readonly completeThroughUs: number
  /** Wall time of the newest batch seen by the fold. */
  readonly receivedUs: number
}

export type SourceStates = Readonly<Record<string, SourceProgress>>

/** A committed batch of one source, as the watermark sees it. */
export interface SourceBatch {
  readonly commitNumber: number
  readonly source: string
  /** Null: the batch says nothing about completeness. */
  readonly completeThroughUs: number | null
  readonly receivedUs: number
}

export interface WatermarkInput {
  /** State after the last commit number that was folded. */
  readonly states: SourceStates
  /** Batches of the asset's sources with higher commit numbers, ascending. */
  readonly batches: readonly SourceBatch[]
  /** From which commit number on a source feeds the asset; its earlier batches hold nothing of it. */
  readonly feedsSince: ReadonlyMap<string, number>
  /** Landed but not yet committed: such a source waits in the queue, it is not idle. */
  readonly waiting: readonly { readonly source: string; readonly receivedUs: number }[]
  readonly idleTimeoutUs: number
}

export interface WatermarkStep {
  readonly commitNumber: number
  readonly source: string
  /** Infinity while no source has said how far it is complete. */
  readonly watermarkUs: number
}

/**
 * The asset's watermark after each batch: the minimum over its active sources. A source is left out while none of its
 * batches was received within the idle timeout before the batch in hand, and when its gateway has begun a later epoch
 * and the former has nothing on its way: a finished import does not hold back the next one. Only recorded times count, never the clock of
 * whoever folds, so the steps are the same however batches were grouped, delayed or tried again.
 */
export function foldWatermark(input: WatermarkInput): { steps: WatermarkStep[]; states: SourceStates } {
  const states: Record<string, SourceProgress> = { ...input.states }
  const arrivals = arrivalsOf(input)
  const steps: WatermarkStep[] = []
  for (const batch of input.batches) {
    const since = input.feedsSince.get(batch.source)
    if (since === undefined || batch.commitNumber < since) continue
    const before = states[batch.source]
    const completeThroughUs = Math.max(before?.completeThroughUs ?? -Infinity, batch.completeThroughUs ?? -Infinity)
    if (Number.isFinite(completeThroughUs)) {
      states[batch.source] = { completeThroughUs, receivedUs: Math.max(before?.receivedUs ?? -Infinity, batch.receivedUs) }
    }
    let watermarkUs = Infinity
    for (const [source, progress] of Object.entries(states)) {
      if (isIdle(progress.receivedUs, arrivals.get(source), batch.receivedUs, input.idleTimeoutUs)) continue
      if (hasSuccessor(source, states, input.feedsSince) && !isOnItsWay(source, batch, input)) continue
      watermarkUs = Math.min(watermarkUs, progress.completeThroughUs)
    }
    steps.push({ commitNumber: batch.commitNumber, source: batch.source, watermarkUs })
  }
  return { steps, states }
}

/** Every known arrival by source; a batch that landed in time but waits for its commit proves its source alive. */
function arrivalsOf(input: WatermarkInput): Map<string, number[]> {
  const arrivals = new Map<string, number[]>()
  for (const { source, receivedUs } of [...input.batches, ...input.waiting]) {
    const known = arrivals.get(source)
    if (known === undefined) arrivals.set(source, [receivedUs])
    else known.push(receivedUs)
  }
  return arrivals
}

/** A later epoch of the same gateway feeds the asset, and it spoke last. */
function hasSuccessor(source: string, states: SourceStates, feedsSince: ReadonlyMap<string, number>): boolean {
  const since = feedsSince.get(source) ?? 0
  const spokeUs = states[source]?.receivedUs ?? -Infinity
  return Object.entries(states).some(([other, { receivedUs }]) =>
    gatewayOf(other) === gatewayOf(source) && (feedsSince.get(other) ?? 0) > since && receivedUs > spokeUs)
}

/** Landed by the time of the batch in hand, committed after it. */
function isOnItsWay(source: string, { commitNumber, receivedUs }: SourceBatch, { batches, waiting }: WatermarkInput): boolean {
  return batches.some((later) => later.source === source && later.commitNumber > commitNumber && later.receivedUs <= receivedUs)
    || waiting.some((landed) => landed.source === source && landed.receivedUs <= receivedUs)
}

const gatewayOf = (source: string): string => source.slice(0, source.lastIndexOf('/') + 1) || source

function isIdle(foldedUs: number, arrivals: readonly number[] | undefined, nowUs: number, timeoutUs: number): boolean {
  if (foldedUs > nowUs - timeoutUs) return false
  return !(arrivals ?? []).some((us) => us > nowUs - timeoutUs && us <= nowUs)
}
