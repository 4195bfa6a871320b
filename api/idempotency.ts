import type { Actor } from '../registry/domain/access/rights.ts'
import { sha256Hex } from '../registry/domain/canonical.ts'
import { refuse } from '../registry/domain/errors.ts'
import { abandonRequest, claimRequest, completeRequest } from '../registry/store/idempotency.ts'
import type { Pool } from '../registry/store/pool.ts'
import { inSite } from '../registry/store/transaction.ts'

export interface Answer { readonly status: number; readonly body: unknown }

export interface Repeatable {
  readonly site: string
  readonly actor: Actor
  readonly key: string
  readonly method: string
  /** Path and query: the same key under another address is another request. */
  readonly target: string
  readonly body: string
  /** Do not keep the answer; a repetition is told that it was given. */
  readonly secretAnswer: boolean
}

/**
 * Does `work` once for a key: a repetition gets the stored answer. Only answers of success are kept: a refusal left
 * nothing behind, so the same request may be tried again under the same key.
 *
 * Refuses `idempotency_conflict` when the key came with another request before, `in_progress` while the first is still
 * being worked on (or its process died of late: after two minutes a repetition takes its place), and `conflict` when its
 * answer was a secret.
 */
export async function onceFor(pool: Pool, request: Repeatable, work: () => Promise<Answer>): Promise<Answer & { repeated: boolean }> {
  const { site, actor, key } = request
  const digest = sha256Hex(`${request.method} ${request.target}\n${request.body}`)
  const claim = await inSite(pool, site, (tx) => claimRequest(tx, { site, actorId: actor.id, key, digest }))
  if (!claim.claimed) {
    if (claim.digest !== digest) {
      refuse('idempotency_conflict', 'This Idempotency-Key was used for another request. Use a new key for each thing you want done.')
    }
    if (claim.answer === null) refuse('in_progress', 'The first request with this Idempotency-Key is still being worked on. Repeat it in a moment; if its process died, a repetition is let through two minutes after it came.')
    if (claim.answer.body === SECRET) {
      refuse('conflict', 'This was done already, and its answer held a secret that is shown once. If you did not get it, revoke it and make another.')
    }
    return { ...claim.answer, repeated: true }
  }
  let answer: Answer
  try {
    answer = await work()
  } catch (error) {
    // Where the store is away, the key comes free by its age; the caller is told what went wrong first.
    await inSite(pool, site, (tx) => abandonRequest(tx, { site, actorId: actor.id, key })).catch(() => undefined)
    throw error
  }
  const kept = request.secretAnswer ? { status: answer.status, body: SECRET } : answer
  await inSite(pool, site, (tx) => completeRequest(tx, { site, actorId: actor.id, key, answer: kept }))
  return { ...answer, repeated: false }
}

const SECRET = 'a secret, shown once'
