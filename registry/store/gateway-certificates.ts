import type { CertificateRecord } from '../domain/identity/certificate-state.ts'
import { timestampToUs, toUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export interface NewCertificate {
  readonly serial: string
  /** SHA-256 over the certificate, hex. */
  readonly fingerprint: string
  /** SHA-256 over its key (SPKI), hex. */
  readonly publicKey: string
  readonly subject: string
  /** SHA-256 over the key (SPKI) of the authority that signed it, hex. */
  readonly authority: string
  readonly pem: string
  readonly notBeforeUs: number
  readonly notAfterUs: number
}

export interface StoredCertificate extends NewCertificate, CertificateRecord {
  readonly id: string
  readonly formerId: string | null
  readonly issuedUs: number
  readonly issuedBy: string
  readonly firstUsedUs: number | null
  readonly lastUsedUs: number | null
  readonly lastAddress: string | null
  readonly lastEpoch: string | null
  readonly revokedBy: string | null
}

interface Row {
  certificate_id: string; site_id: string; gateway_id: string; serial: string; fingerprint: string; public_key: string; subject: string; authority: string; pem: string
  before_us: string; after_us: string; issued_us: string; issued_by: string; former_id: string | null; first_us: string | null; last_us: string | null
  last_address: string | null; last_epoch: string | null; revoked_us: string | null; revoked_by: string | null; revoked_because: string | null
}

const COLUMNS = `certificate_id, site_id, gateway_id, serial, fingerprint, public_key, subject, authority, pem, ${timestampToUs('not_before')} as before_us,
  ${timestampToUs('not_after')} as after_us, ${timestampToUs('issued_at')} as issued_us, issued_by, former_id, ${timestampToUs('first_used_at')} as first_us,
  ${timestampToUs('last_used_at')} as last_us, last_address, last_epoch, ${timestampToUs('revoked_at')} as revoked_us, revoked_by, revoked_because`

const fromRow = (row: Row): StoredCertificate => ({
  id: row.certificate_id, site: row.site_id, gateway: row.gateway_id, serial: row.serial, fingerprint: row.fingerprint, publicKey: row.public_key, subject: row.subject,
  authority: row.authority, pem: row.pem, notBeforeUs: toUs(row.before_us), notAfterUs: toUs(row.after_us), issuedUs: toUs(row.issued_us), issuedBy: row.issued_by,
  formerId: row.former_id, firstUsedUs: toUsOrNull(row.first_us), lastUsedUs: toUsOrNull(row.last_us), lastAddress: row.last_address, lastEpoch: row.last_epoch,
  revokedUs: toUsOrNull(row.revoked_us), revokedBy: row.revoked_by, revokedBecause: row.revoked_because,
})

export async function insertCertificate(
  tx: Tx, one: NewCertificate & { site: string; gateway: string; issuedUs: number; issuedBy: string; formerId: string | null },
): Promise<StoredCertificate> {
  const { rows } = await tx.query<Row>(
    `insert into gateway_certificate (site_id, gateway_id, serial, fingerprint, public_key, subject, authority, pem, not_before, not_after, issued_at, issued_by, former_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8, ${usToTimestamp('$9')}, ${usToTimestamp('$10')}, ${usToTimestamp('$11')}, $12, $13) returning ${COLUMNS}`,
    [one.site, one.gateway, one.serial, one.fingerprint, one.publicKey, one.subject, one.authority, one.pem, one.notBeforeUs, one.notAfterUs, one.issuedUs, one.issuedBy, one.formerId],
  )
  return fromRow(rows[0] as Row)
}

/** The transaction sees the certificate's site, or all of them. `lock` holds it until the transaction ends. */
export async function findCertificate(tx: Tx, by: { readonly fingerprint: string } | { readonly id: string }, lock = false): Promise<StoredCertificate | null> {
  const { rows } = await tx.query<Row>(
    `select ${COLUMNS} from gateway_certificate where ${'id' in by ? 'certificate_id' : 'fingerprint'} = $1${lock ? ' for update' : ''}`, ['id' in by ? by.id : by.fingerprint])
  return rows[0] ? fromRow(rows[0]) : null
}

/** Those asked for, of these fingerprints. */
export async function findCertificates(tx: Tx, fingerprints: readonly string[]): Promise<StoredCertificate[]> {
  const { rows } = await tx.query<Row>(`select ${COLUMNS} from gateway_certificate where fingerprint = any($1)`, [fingerprints])
  return rows.map(fromRow)
}

/** What takes the place of a certificate and has not been used yet. */
export async function findSuccessor(tx: Tx, formerId: string): Promise<StoredCertificate | null> {
  const { rows } = await tx.query<Row>(
    `select ${COLUMNS} from gateway_certificate where former_id = $1 and revoked_at is null order by issued_at desc limit 1`, [formerId])
  return rows[0] ? fromRow(rows[0]) : null
}

export interface Revocation { readonly by: string; readonly because: string; readonly atUs: number }

/** Revokes those of the gateway's certificates that are not yet; or only those named. Gives their ids. */
export async function revokeCertificates(
  tx: Tx, site: string, gateway: string, { by, because, atUs }: Revocation, only?: { readonly ids?: readonly string[]; readonly except?: string },
): Promise<string[]> {
  const { rows } = await tx.query<{ certificate_id: string }>(
    `update gateway_certificate set revoked_at = ${usToTimestamp('$3')}, revoked_by = $4, revoked_because = $5
      where site_id = $1 and gateway_id = $2 and revoked_at is null and ($6::uuid[] is null or certificate_id = any($6)) and certificate_id is distinct from $7::uuid
     returning certificate_id`,
    [site, gateway, atUs, by, because, only?.ids ?? null, only?.except ?? null],
  )
  return rows.map((row) => row.certificate_id)
}

/** Notes that it was used; says whether that was the first time. */
export async function touchCertificate(tx: Tx, id: string, use: { readonly address: string; readonly epoch: string | null; readonly atUs: number }): Promise<void> {
  await tx.query(
    `update gateway_certificate set first_used_at = coalesce(first_used_at, ${usToTimestamp('$2')}), last_used_at = ${usToTimestamp('$2')}, last_address = $3,
            last_epoch = coalesce($4, last_epoch) where certificate_id = $1`,
    [id, use.atUs, use.address, use.epoch],
  )
}

/** A gateway's certificates, newest first, after the given place. */
export async function listCertificates(tx: Tx, site: string, gateway: string, [beforeUs, beforeId]: readonly (string | number | null)[], limit: number): Promise<StoredCertificate[]> {
  const { rows } = await tx.query<Row>(
    `select ${COLUMNS} from gateway_certificate
      where site_id = $1 and gateway_id = $2 and ($3::bigint is null or (issued_at, certificate_id) < (${usToTimestamp('$3')}, $4::uuid))
      order by issued_at desc, certificate_id desc limit $5`,
    [site, gateway, beforeUs ?? null, beforeId ?? null, limit],
  )
  return rows.map(fromRow)
}

/** How many certificates by each authority could still be shown. */
export async function livingByAuthority(tx: Tx, nowUs: number): Promise<ReadonlyMap<string, number>> {
  const { rows } = await tx.query<{ authority: string; n: string }>(
    `select authority, count(*) as n from gateway_certificate where revoked_at is null and not_after > ${usToTimestamp('$1')} group by authority`, [nowUs])
  return new Map(rows.map(({ authority, n }) => [authority, Number(n)]))
}
