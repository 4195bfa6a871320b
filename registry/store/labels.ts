import { usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export interface LabelDraft {
  readonly site: string
  readonly assetRef: number
  readonly fromUs: number
  readonly toUs: number | null
  readonly value: 'normal' | 'faulty'
  readonly failureMode: string | null
  readonly sourceKind: 'feedback' | 'maintenance' | 'import'
  readonly sourceId: string
}

/** Proposes a label; the same source proposes once. Gives its id, or null when it was proposed before. */
export async function proposeLabel(tx: Tx, label: LabelDraft): Promise<string | null> {
  const { rows } = await tx.query<{ label_id: string }>(
    `insert into label (site_id, asset_ref, during, value, failure_mode, source_kind, source_id)
     values ($1, $2, tstzrange(${usToTimestamp('$3')}, ${usToTimestamp('$4')}, '[]'), $5, $6, $7, $8)
     on conflict (site_id, source_kind, source_id) do nothing returning label_id`,
    [label.site, label.assetRef, label.fromUs, label.toUs, label.value, label.failureMode, label.sourceKind, label.sourceId],
  )
  return rows[0]?.label_id ?? null
}

/** Accepts or rejects; says what stood before, or null when there is no such label. */
export async function reviewLabelRow(
  tx: Tx, labelId: string, review: { state: 'accepted' | 'rejected'; by: string; nowUs: number },
): Promise<{ before: 'proposed' | 'accepted' | 'rejected' } | null> {
  const { rows } = await tx.query<{ state: 'proposed' | 'accepted' | 'rejected' }>('select state from label where label_id = $1 for update', [labelId])
  const before = rows[0]?.state
  if (before === undefined) return null
  if (before !== review.state) {
    await tx.query(
      `update label set state = $2, reviewed_by = $3, reviewed_at = ${usToTimestamp('$4')} where label_id = $1`,
      [labelId, review.state, review.by, review.nowUs],
    )
  }
  return { before }
}
