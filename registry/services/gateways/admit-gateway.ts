import { platformActor } from '../../domain/access/rights.ts'
import { faultOf, refuseCertificate, RENEWED, type CertificateFault } from '../../domain/identity/certificate-state.ts'
import { recordAudit } from '../../store/audit.ts'
import { lockGateway, notifyAccess } from '../../store/gateway-access.ts'
import { findCertificate, findCertificates, revokeCertificates, touchCertificate, type StoredCertificate } from '../../store/gateway-certificates.ts'
import { ALL_SITES, inSite, type Tx } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'

const DOOR = platformActor('door')

/** The certificate, locked. Refuses one that is not in the register (`unauthenticated`), is revoked (`forbidden`) or over (`expired`). */
export async function lockLiving(tx: Tx, fingerprint: string, nowUs: number): Promise<StoredCertificate> {
  const { site, gateway } = await findCertificate(tx, { fingerprint }) ?? refuseCertificate('unknown')
  await lockGateway(tx, site, gateway)
  const certificate = await findCertificate(tx, { fingerprint }, true) ?? refuseCertificate('unknown')
  const fault = faultOf(certificate, nowUs)
  return fault === null ? certificate : refuseCertificate(fault, certificate)
}

/** How a certificate that was shown stands, without letting anybody in. Refuses as `lockLiving`. */
export async function lookAtCertificate(ctx: ServiceContext, fingerprint: string): Promise<StoredCertificate> {
  const certificate = await inSite(ctx.pool, ALL_SITES, (tx) => findCertificate(tx, { fingerprint })) ?? refuseCertificate('unknown')
  const fault = faultOf(certificate, ctx.nowUs())
  return fault === null ? certificate : refuseCertificate(fault, certificate)
}

/**
 * Lets in whoever showed this certificate, and notes the use. The first use of a renewed one revokes the one before: from
 * then on a copy of that is worth nothing. Refuses as `lockLiving`.
 * @param use.epoch of the buffer behind it, where it says so
 */
export async function admitGateway(ctx: ServiceContext, fingerprint: string, use: { readonly address: string; readonly epoch: string | null }): Promise<StoredCertificate> {
  const nowUs = ctx.nowUs()
  return inSite(ctx.pool, ALL_SITES, async (tx) => {
    const certificate = await lockLiving(tx, fingerprint, nowUs)
    const { site, gateway } = certificate
    await touchCertificate(tx, certificate.id, { ...use, atUs: nowUs })
    if (certificate.formerId !== null && certificate.firstUsedUs === null) {
      const revoked = await revokeCertificates(tx, site, gateway, { by: DOOR.id, because: RENEWED, atUs: nowUs }, { except: certificate.id })
      if (revoked.length > 0) {
        await recordAudit(tx, { actor: DOOR, verb: 'admit-gateway', subject: `gateway/${gateway}`, detail: { certificate: certificate.id, renewed: revoked, address: use.address }, site })
        await notifyAccess(tx, site, gateway)
      }
    }
    return certificate
  })
}

/** Which of these certificates let nobody in any more, and why. */
export async function faultsOf(ctx: ServiceContext, fingerprints: readonly string[]): Promise<ReadonlyMap<string, CertificateFault>> {
  const nowUs = ctx.nowUs()
  const known = new Map((await inSite(ctx.pool, ALL_SITES, (tx) => findCertificates(tx, fingerprints))).map((certificate) => [certificate.fingerprint, certificate]))
  return new Map(fingerprints.flatMap((fingerprint): [string, CertificateFault][] => {
    const certificate = known.get(fingerprint)
    const fault = certificate === undefined ? 'unknown' : faultOf(certificate, nowUs)
    return fault === null ? [] : [[fingerprint, fault]]
  }))
}
