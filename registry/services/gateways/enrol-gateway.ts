import { createHash, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import { writeToken } from '../../domain/identity/enrolment-token.ts'
import { recordAudit } from '../../store/audit.ts'
import { insertEnrolment, withdrawEnrolments } from '../../store/gateway-enrolments.ts'
import { appendLedger } from '../../store/ledger.ts'
import { siteKind } from '../../store/sites.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'

export const enrolGatewayInput = z.object({
  site: slugSchema,
  gateway: slugSchema,
  validHours: z.number().int().min(1).max(168).default(24).describe('How long the token may be used; it works once'),
})
export type EnrolGatewayInput = z.input<typeof enrolGatewayInput>

export interface EnrolDeps extends ServiceContext {
  /** What goes into tokens: where the door answers HTTPS (host:port), and the keys it may be known by. */
  readonly door: { readonly address: string; readonly pins: () => readonly string[] }
}

export interface GatewayEnrolment {
  readonly id: string
  readonly site: string
  readonly gateway: string
  /** In this answer and nowhere else, ever. */
  readonly token: string
  readonly expiresAt: string
}

/** What a secret is kept as: there is nothing to guess of 256 random bits. */
export const hashSecret = (secret: string): Buffer => createHash('sha256').update(secret).digest()

/**
 * Makes a token by which a box becomes this gateway, once. It takes the place of tokens that nobody has used; what the
 * gateway has so far goes on until the token is used. Refuses (`not_found`) a site that is not there.
 */
export async function enrolGateway(ctx: EnrolDeps, actor: Actor, input: EnrolGatewayInput): Promise<GatewayEnrolment> {
  const { site, gateway, validHours } = enrolGatewayInput.parse(input)
  demand(actor, 'gateway.enrol', site)
  const createdUs = ctx.nowUs()
  const expiresUs = createdUs + validHours * 3_600_000_000
  const secret = randomBytes(32).toString('base64url')
  return inSite(ctx.pool, site, async (tx) => {
    if (await siteKind(tx, site) === 'fleet') refuse('not_found', 'gateways belong to a site; name one', { site })
    await withdrawEnrolments(tx, site, gateway, createdUs)
    const id = await insertEnrolment(tx, { site, gateway, hash: hashSecret(secret), createdBy: actor.id, createdUs, expiresUs })
    const body = { enrolment: id, gateway, expiresAt: microsToIso(expiresUs) }
    await recordAudit(tx, { actor, verb: 'enrol-gateway', subject: `gateway/${gateway}`, detail: body })
    await appendLedger(tx, { kind: 'gateway.enrolment-made', subject: `gateway/${gateway}`, actor, body })
    return { id, site, gateway, token: writeToken({ site, gateway, door: ctx.door.address, authorities: ctx.door.pins(), secret }), expiresAt: microsToIso(expiresUs) }
  })
}
