import { demand, type Actor } from '../../domain/access/rights.ts'
import { FLEET_SITE } from '../../domain/contract/primitives.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import { recordAudit } from '../../store/audit.ts'
import { AUTHORITY_CHANGED, GATEWAY_ACCESS_CHANNEL } from '../../store/gateway-access.ts'
import { livingByAuthority } from '../../store/gateway-certificates.ts'
import { appendLedger } from '../../store/ledger.ts'
import { ALL_SITES, inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'

/** The authorities of gateways as files and keys. */
export interface AuthorityKeeper {
  /** Of another's making: exchanged by exchanging its files. */
  readonly isYours: boolean
  /** Oldest first; the last of ours, the first of yours, signs. */
  list(): readonly { readonly id: string; readonly notAfterUs: number; readonly signs: boolean }[]
  /** One more, which signs from then on; its id. */
  add(): Promise<string>
}

export interface AuthorityView {
  readonly id: string
  readonly signs: boolean
  readonly notAfter: string
  /** Certificates by it that are neither over nor revoked. It is trusted as long as there are any, and while it signs. */
  readonly certificates: number
}
export interface AuthoritiesView { readonly yours: boolean; readonly authorities: readonly AuthorityView[] }

/** The authorities there are, and how many gateways still go by each. */
export async function listAuthorities(ctx: ServiceContext, actor: Actor, keeper: AuthorityKeeper): Promise<AuthoritiesView> {
  demand(actor, 'gateway-ca.write', FLEET_SITE)
  const living = await inSite(ctx.pool, ALL_SITES, (tx) => livingByAuthority(tx, ctx.nowUs()))
  return {
    yours: keeper.isYours,
    authorities: keeper.list().map(({ id, notAfterUs, signs }) => ({ id, signs, notAfter: microsToIso(notAfterUs), certificates: living.get(id) ?? 0 })),
  }
}

/**
 * Makes another authority, which signs from now on. The one before is trusted until every certificate by it was renewed or is
 * over: gateways hear of the new one when they renew. Refuses (`unprocessable`) where the authority is yours.
 */
export async function rotateAuthority(ctx: ServiceContext, actor: Actor, keeper: AuthorityKeeper): Promise<AuthoritiesView> {
  demand(actor, 'gateway-ca.write', FLEET_SITE)
  if (keeper.isYours) {
    refuse('unprocessable', 'The authority is your own (TWINWARD_GATEWAY_CA_CERT): put the new certificate behind the present one in that file, wait until gateways have renewed, then put it first, with its key. docs/identity.md has the steps.')
  }
  const id = await keeper.add()
  await inSite(ctx.pool, FLEET_SITE, async (tx) => {
    await recordAudit(tx, { actor, verb: 'rotate-authority', subject: `gateway-ca/${id}`, detail: {} })
    await appendLedger(tx, { kind: 'gateway-ca.rotated', subject: `gateway-ca/${id}`, actor, body: { authority: id } })
    await tx.query('select pg_notify($1, $2)', [GATEWAY_ACCESS_CHANNEL, AUTHORITY_CHANGED])
  })
  return listAuthorities(ctx, actor, keeper)
}
