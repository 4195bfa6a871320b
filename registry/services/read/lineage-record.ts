import { z } from 'zod'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { refuse } from '../../domain/errors.ts'
import { mergeChunks } from '../../domain/ingest/merge.ts'
import {
  alertsRaisedBy, batchRecords, findAlertRoot, followUpsOf, releaseRecord, type AlertRoot, type BatchRecord, type FollowUps, type ReleaseRecord,
} from '../../store/lineage-records.ts'
import { placesOf, type AssetPlace } from '../../store/releases-in-force.ts'
import { readReplayRecord, type ReplayRecord } from '../../store/replay-records.ts'
import { rescoreRecord, type RescoreRecord } from '../../store/rescores.ts'
import type { Tx } from '../../store/transaction.ts'

export const lineageInput = z.object({
  site: slugSchema,
  alert: z.uuid().optional(),
  score: z.string().regex(/^\d{1,18}$/, 'a score id is a number').optional(),
}).refine(({ alert, score }) => (alert === undefined) !== (score === undefined), 'name either an alert or a score')
export type LineageInput = z.infer<typeof lineageInput>

export type AnsweredAlert = AlertRoot & FollowUps

/** What a window had of one tag, and of which batches. */
export interface TagReadings {
  readonly tag: string
  readonly kind: 'readings' | 'waveforms'
  readonly count: number
  /** Of waveforms. */
  readonly samples: number
  readonly fromUs: number
  readonly toUs: number
  readonly batchIds: readonly number[]
}

/** All that a score rests on, and what rests on it. */
export interface LineageRecord {
  readonly record: ReplayRecord
  /** Where the machine stood when it was scored. */
  readonly place: AssetPlace
  readonly alerts: readonly AnsweredAlert[]
  readonly tags: readonly TagReadings[]
  /** In the order of commit. */
  readonly batches: readonly BatchRecord[]
  readonly parts: ReleaseRecord
  /** Of a score that was not what decided then: why it is there. */
  readonly rescore: RescoreRecord | null
}

/** Refuses (`not_found`) what the site does not have. */
export async function readLineageRecord(tx: Tx, input: LineageInput): Promise<LineageRecord> {
  const alert = input.alert === undefined ? undefined : await findAlertRoot(tx, input.site, input.alert)
    ?? refuse('not_found', `site ${input.site} has no alert ${input.alert}`, { alert: input.alert })
  const scoreId = alert?.scoreId ?? input.score ?? ''
  const record = await readReplayRecord(tx, scoreId)
  if (record === undefined || record.score.site !== input.site) {
    return refuse('not_found', `site ${input.site} has no score ${scoreId}`, { score: scoreId })
  }
  const { score, release } = record
  const [place] = await placesOf(tx, [score.assetRef], score.scoredAtUs)
  if (place === undefined) throw new Error(`asset ${score.assetRef} is gone`)
  const alerts: AnsweredAlert[] = []
  for (const root of alert ? [alert] : await alertsRaisedBy(tx, score.assetRef, scoreId)) alerts.push({ ...root, ...await followUpsOf(tx, root.alertId) })
  const tags = tagReadings(record)
  return {
    record, place, alerts, tags, batches: await batchRecords(tx, [...new Set(tags.flatMap(({ batchIds }) => batchIds))]),
    parts: await releaseRecord(tx, release.releaseRef, score.role, place, score.scoredAtUs),
    rescore: score.rescoreRef === null ? null : await rescoreRecord(tx, score.rescoreRef),
  }
}

function tagReadings({ window, tags, readings }: ReplayRecord): TagReadings[] {
  return tags.filter((tag, i) => tags.findIndex((other) => other.tagRef === tag.tagRef) === i).flatMap(({ tagRef, tagKey }) => {
    const chunks = readings.chunks.get(tagRef) ?? []
    const waves = readings.waveforms.get(tagRef) ?? []
    const { timesUs } = mergeChunks(chunks, { fromUs: window.startUs, toUs: window.endUs }, window.commitNumber)
    const idsOf = (some: readonly { batchId: number }[]) => some.map(({ batchId }) => batchId)
    return [
      ...(timesUs.length > 0 ? [{ tag: tagKey, kind: 'readings' as const, count: timesUs.length, samples: 0, fromUs: timesUs[0]!, toUs: timesUs.at(-1)!, batchIds: idsOf(chunks) }] : []),
      ...(waves.length > 0 ? [{
        tag: tagKey, kind: 'waveforms' as const, count: waves.length, samples: waves.reduce((sum, { samples }) => sum + samples.length, 0),
        fromUs: waves[0]!.startUs, toUs: waves.at(-1)!.startUs, batchIds: idsOf(waves),
      }] : []),
    ]
  })
}
