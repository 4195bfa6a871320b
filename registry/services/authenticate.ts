import { timingSafeEqual } from 'node:crypto'
import type { Actor } from '../domain/access/rights.ts'
import { FLEET_SITE } from '../domain/contract/primitives.ts'
import { refuse } from '../domain/errors.ts'
import { findKey } from '../store/actors.ts'
import { ALL_SITES, inSite } from '../store/transaction.ts'
import { hashApiKey, looksLikeApiKey } from './api-key.ts'
import type { ServiceContext } from './context.ts'

/**
 * Who a key belongs to, with the roles of this very moment. Refuses (`unauthenticated`) unknown, revoked and expired
 * keys and disabled actors, all in the same words: a caller without a good key learns nothing about whose it was.
 */
export async function authenticate(ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, key: string): Promise<Actor> {
  if (!looksLikeApiKey(key)) refuseKey()
  return ownerOf(ctx, hashApiKey(key))
}

/** The same by the key's SHA-256 in hex, which is all that a console session remembers: a revoked key ends its sessions. */
export async function authenticateDigest(ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, digest: string): Promise<Actor> {
  return ownerOf(ctx, Buffer.from(digest, 'hex'))
}

async function ownerOf(ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, hash: Buffer): Promise<Actor> {
  // The one question asked before it is known whose site it is.
  const found = await inSite(ctx.pool, ALL_SITES, (tx) => findKey(tx, hash))
  if (!found || !timingSafeEqual(found.hash, hash)) return refuseKey()
  const expired = found.expiresAtUs !== null && found.expiresAtUs <= ctx.nowUs()
  if (found.revoked || expired || found.actor.disabled) refuseKey()
  return {
    id: found.actor.actorId,
    roles: found.actor.roles,
    sites: found.actor.site === FLEET_SITE ? '*' : [found.actor.site],
  }
}

function refuseKey(): never {
  return refuse('unauthenticated', 'this API key does not work: it is unknown, expired, revoked, or its owner is disabled; ask an admin for a new one')
}
