import type { Tx } from './transaction.ts'

/**
 * What the steps of an operation have noted in its progress: a step that is run again finds there what it made the
 * first time. Locks the row, so that two tries of one step follow each other. Empty for an operation nobody knows.
 */
export async function lockOperationNotes(tx: Tx, operationId: string): Promise<Record<string, unknown>> {
  const { rows } = await tx.query<{ progress: Record<string, unknown> }>(
    'select progress from operation where site_id = $1 and operation_id = $2 for update', [tx.site, operationId],
  )
  return rows[0]?.progress ?? {}
}
