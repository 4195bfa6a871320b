import { platformActor } from '../../domain/access/rights.ts'
import type { GivenCertificate } from '../../domain/contract/gateway-identity.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import { readToken } from '../../domain/identity/enrolment-token.ts'
import { recordAudit } from '../../store/audit.ts'
import { letIn, lockGateway, notifyAccess } from '../../store/gateway-access.ts'
import { findCertificate, insertCertificate, revokeCertificates, type StoredCertificate } from '../../store/gateway-certificates.ts'
import { lockEnrolment, useEnrolment, type StoredEnrolment } from '../../store/gateway-enrolments.ts'
import { appendLedger } from '../../store/ledger.ts'
import { announce } from '../../store/outbox.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import { noteGateway } from '../../store/gateways.ts'
import type { ServiceContext } from '../context.ts'
import type { CertificateRequest, GatewayAuthority } from './authority.ts'
import { hashSecret } from './enrol-gateway.ts'

export interface CertificateDeps extends ServiceContext {
  readonly authority: GatewayAuthority
}

/** All of {@link GivenCertificate} that the register knows. */
export type TakenCertificate = Omit<GivenCertificate, 'mqtt' | 'serverUs'>

const DOOR = platformActor('door')
/** Stands as the reason on certificates of before. */
const ENROLLED_AGAIN = 'enrolled again'
const CURE = 'make another on the platform (twinward gateways enrol)'

/**
 * The first certificate of a gateway, for whoever has its token: that is the authority, and there is no other. What the
 * gateway had before is revoked, so that one box alone is it. The same token with the same key again gives the same
 * certificate: the answer may have been lost.
 *
 * Refuses (`invalid`) what is no token or no request, (`unauthenticated`) a token that nobody made, (`conflict`) one that
 * was used by another key or withdrawn, (`expired`) one that was used too late.
 */
export async function takeCertificate(ctx: CertificateDeps, input: { readonly token: string; readonly request: string; readonly address: string }): Promise<TakenCertificate> {
  const token = readToken(input.token)
  const request = await ctx.authority.readRequest(input.request)
  const nowUs = ctx.nowUs()
  return inSite(ctx.pool, token.site, async (tx) => {
    await lockGateway(tx, token.site, token.gateway)
    const enrolment = await lockEnrolment(tx, token.site, token.gateway, hashSecret(token.secret))
    if (enrolment === null) return refuse('unauthenticated', `Nobody made this token here: ${CURE}.`, { fault: 'unknown_token' })
    if (enrolment.usedUs !== null) return given(ctx, await sameAgain(tx, enrolment, request, token))
    demandUsable(enrolment, nowUs, token)
    const certificate = await issue(tx, ctx, { request, nowUs, issuedBy: enrolment.createdBy, ...token })
    await useEnrolment(tx, enrolment.id, certificate.id, nowUs)
    await revokeCertificates(tx, token.site, token.gateway, { by: enrolment.createdBy, because: ENROLLED_AGAIN, atUs: nowUs }, { except: certificate.id })
    await letIn(tx, token.site, token.gateway)
    await noteGateway(tx, token.site, token.gateway, nowUs)
    await notifyAccess(tx, token.site, token.gateway)
    const body = { certificate: certificate.id, fingerprint: certificate.fingerprint, enrolment: enrolment.id, notAfter: microsToIso(certificate.notAfterUs) }
    const subject = `gateway/${token.gateway}`
    await recordAudit(tx, { actor: DOOR, verb: 'take-certificate', subject, detail: { ...body, address: input.address, tokenBy: enrolment.createdBy } })
    await appendLedger(tx, { kind: 'gateway.enrolled', subject, actor: DOOR, body: { ...body, tokenBy: enrolment.createdBy } })
    await announce(tx, { id: `gateway-certificate/${certificate.id}/enrolled`, type: 'gateway.enrolled', atUs: nowUs, data: { gateway: token.gateway, ...body } })
    return given(ctx, certificate)
  })
}

function demandUsable({ withdrawnUs, expiresUs }: StoredEnrolment, nowUs: number, about: { site: string; gateway: string }): void {
  const details = { site: about.site, gateway: about.gateway }
  if (withdrawnUs !== null) refuse('conflict', `This token was withdrawn, as a newer one was made or the gateway was revoked: ${CURE}.`, { fault: 'withdrawn_token', ...details })
  if (expiresUs <= nowUs) refuse('expired', `This token could be used until ${microsToIso(expiresUs)}: ${CURE}.`, { fault: 'expired_token', ...details })
}

/** What the token was used for, if it is the same key that asks again. */
async function sameAgain(tx: Tx, { certificateId }: StoredEnrolment, { publicKey }: CertificateRequest, { site, gateway }: { site: string; gateway: string }): Promise<StoredCertificate> {
  const certificate = certificateId === null ? null : await findCertificate(tx, { id: certificateId })
  if (certificate?.publicKey === publicKey && certificate.revokedUs === null) return certificate
  return refuse('conflict', `This token has been used, and works once. If it was not you: revoke the gateway (twinward gateways revoke), then ${CURE}.`, { fault: 'used_token', site, gateway })
}

export interface Issuing {
  readonly site: string
  readonly gateway: string
  readonly request: CertificateRequest
  readonly nowUs: number
  readonly issuedBy: string
  readonly formerId?: string
}

/** Signs a certificate and keeps it. */
export async function issue(tx: Tx, { authority }: CertificateDeps, { site, gateway, request, nowUs, issuedBy, formerId }: Issuing): Promise<StoredCertificate> {
  const made = await authority.issue(request, { site, gateway }, nowUs)
  return insertCertificate(tx, { ...made, site, gateway, issuedUs: nowUs, issuedBy, formerId: formerId ?? null })
}

export const given = ({ authority }: CertificateDeps, { site, gateway, pem, notBeforeUs, notAfterUs }: StoredCertificate): TakenCertificate => ({
  site, gateway, certificate: pem, authorities: [...authority.trusted()], notBeforeUs, notAfterUs,
})
