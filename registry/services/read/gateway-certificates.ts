import { demand, type Actor } from '../../domain/access/rights.ts'
import { faultOf } from '../../domain/identity/certificate-state.ts'
import { listCertificates, type StoredCertificate } from '../../store/gateway-certificates.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { iso } from './rows.ts'

export interface CertificateView extends Pick<StoredCertificate, 'id' | 'gateway' | 'serial' | 'fingerprint' | 'subject' | 'authority' | 'issuedBy' | 'lastAddress' | 'lastEpoch' | 'revokedBy' | 'revokedBecause'> {
  readonly state: 'valid' | 'expired' | 'revoked' | 'renewed'
  readonly issuedAt: string
  readonly notBefore: string
  readonly notAfter: string
  readonly lastUsedAt: string | null
  readonly revokedAt: string | null
}

/** A gateway's certificates, newest first; none for one that never had any. */
export async function listGatewayCertificates(ctx: ServiceContext, actor: Actor, input: PageInput & { site: string; gateway: string }): Promise<Page<CertificateView>> {
  demand(actor, 'read', input.site)
  const before = decodeCursor(input.cursor, ['number', 'string'])
  const rows = await inSite(ctx.pool, input.site, (tx) => listCertificates(tx, input.site, input.gateway, before, input.limit + 1))
  return toPage(rows, input.limit, (row) => viewOf(row, ctx.nowUs()), (row) => [row.issuedUs, row.id])
}

function viewOf(row: StoredCertificate, nowUs: number): CertificateView {
  const fault = faultOf(row, nowUs)
  const { id, gateway, serial, fingerprint, subject, authority, issuedBy, lastAddress, lastEpoch, revokedBy, revokedBecause } = row
  const orNull = (us: number | null) => (us === null ? null : iso(String(us)))
  return {
    id, gateway, serial, fingerprint, subject, authority, issuedBy, lastAddress, lastEpoch, revokedBy, revokedBecause,
    state: fault === 'expired' || fault === 'revoked' || fault === 'renewed' ? fault : 'valid',
    issuedAt: iso(String(row.issuedUs)), notBefore: iso(String(row.notBeforeUs)), notAfter: iso(String(row.notAfterUs)),
    lastUsedAt: orNull(row.lastUsedUs), revokedAt: orNull(row.revokedUs),
  }
}
