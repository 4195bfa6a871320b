import { platformActor } from '../../domain/access/rights.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import { recordAudit } from '../../store/audit.ts'
import { findSuccessor, revokeCertificates } from '../../store/gateway-certificates.ts'
import { announce } from '../../store/outbox.ts'
import { ALL_SITES, inSite } from '../../store/transaction.ts'
import { lockLiving } from './admit-gateway.ts'
import { given, issue, type CertificateDeps, type TakenCertificate } from './take-certificate.ts'

const DOOR = platformActor('door')

/**
 * Another certificate for whoever showed one that is good. Both work until the new one has been used; then the old one is
 * revoked. The same key again gives the same certificate, as the answer may have been lost; another key takes the place of
 * one that was not used.
 *
 * Refuses as `lockLiving`, and (`conflict`) a key that is not new: a key is renewed with its certificate.
 */
export async function renewCertificate(ctx: CertificateDeps, input: { readonly fingerprint: string; readonly request: string; readonly address: string }): Promise<TakenCertificate> {
  const request = await ctx.authority.readRequest(input.request)
  const nowUs = ctx.nowUs()
  return inSite(ctx.pool, ALL_SITES, async (tx) => {
    const former = await lockLiving(tx, input.fingerprint, nowUs)
    const { site, gateway } = former
    if (former.publicKey === request.publicKey) refuse('conflict', 'A certificate is renewed with another key; make one.', { fault: 'same_key', site, gateway })
    const waiting = await findSuccessor(tx, former.id)
    if (waiting?.publicKey === request.publicKey) return given(ctx, waiting)
    if (waiting) await revokeCertificates(tx, site, gateway, { by: DOOR.id, because: 'another took its place before it was used', atUs: nowUs }, { ids: [waiting.id] })
    const certificate = await issue(tx, ctx, { request, nowUs, issuedBy: `gateway/${gateway}`, formerId: former.id, site, gateway })
    const body = { certificate: certificate.id, fingerprint: certificate.fingerprint, former: former.id, notAfter: microsToIso(certificate.notAfterUs) }
    await recordAudit(tx, { actor: DOOR, verb: 'renew-certificate', subject: `gateway/${gateway}`, detail: { ...body, address: input.address }, site })
    await announce(tx, { id: `gateway-certificate/${certificate.id}/renewed`, type: 'gateway.renewed', atUs: nowUs, data: { gateway, ...body }, site })
    return given(ctx, certificate)
  })
}
