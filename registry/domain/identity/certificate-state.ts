import { refuse, type ErrorCode } from '../errors.ts'

/** What is known of a certificate that was shown. */
export interface CertificateRecord {
  readonly site: string
  readonly gateway: string
  readonly notAfterUs: number
  readonly revokedUs: number | null
  readonly revokedBecause: string | null
}

/** `stranger`: of another authority. `unknown`: of ours, but not in the register. `renewed`: another has taken its place. */
export type CertificateFault = 'none' | 'stranger' | 'unknown' | 'expired' | 'revoked' | 'renewed'

/** Stands as the reason where a newer certificate of the same lineage was used. */
export const RENEWED = 'renewed'

const CURE = 'make a token on the platform (twinward gateways enrol) and run "twinward-edge enrol" on the box; what waits in its buffer then ships'
const TEXTS: Readonly<Record<CertificateFault, { code: ErrorCode; text: string }>> = {
  none: { code: 'unauthenticated', text: `No certificate was shown, and the door opens to no one without: ${CURE}.` },
  stranger: { code: 'unauthenticated', text: `The certificate is by an authority that this platform does not trust: ${CURE}.` },
  unknown: { code: 'unauthenticated', text: `The platform does not know this certificate, though its authority made it (its database may have been restored from before): ${CURE}.` },
  expired: { code: 'expired', text: `The certificate has expired: ${CURE}.` },
  revoked: { code: 'forbidden', text: `The certificate was revoked: if this is the rightful gateway, ${CURE}.` },
  renewed: { code: 'forbidden', text: `The certificate was renewed, and the new one has been used: whoever shows the old one is a copy, or was put back from a backup. If this is the rightful gateway, ${CURE}.` },
}

/** Why a certificate does not let anybody in now, by the platform's clock; null when it does. */
export function faultOf({ notAfterUs, revokedUs, revokedBecause }: CertificateRecord, nowUs: number): CertificateFault | null {
  if (revokedUs !== null) return revokedBecause === RENEWED ? 'renewed' : 'revoked'
  return nowUs >= notAfterUs ? 'expired' : null
}

/** Refuses as the fault says, with its cure; `details.fault` names it. */
export function refuseCertificate(fault: CertificateFault, about: Partial<Pick<CertificateRecord, 'site' | 'gateway'>> = {}): never {
  const { code, text } = TEXTS[fault]
  return refuse(code, text, { fault, ...(about.site !== undefined && { site: about.site, gateway: about.gateway }) })
}

/** A certificate is renewed from two thirds of its life on. */
export const renewalDueUs = (notBeforeUs: number, notAfterUs: number): number => notBeforeUs + Math.floor(((notAfterUs - notBeforeUs) * 2) / 3)
