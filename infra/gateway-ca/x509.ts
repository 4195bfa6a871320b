import 'reflect-metadata'
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, webcrypto, X509Certificate, type KeyObject } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import { DOOR_NAME } from '../../registry/domain/contract/gateway-identity.ts'
import { refuse } from '../../registry/domain/errors.ts'
import type { CertificateRequest } from '../../registry/services/gateways/authority.ts'
import type { NewCertificate } from '../../registry/store/gateway-certificates.ts'

/** A certificate that signs, and its key. */
export interface Issuer {
  readonly certificate: X509Certificate
  readonly key: KeyObject
}

/** SHA-256 over a certificate's key (SPKI), hex: what a token names. */
export const keyIdOf = (certificate: X509Certificate): string => sha256(certificate.publicKey.export({ type: 'spki', format: 'der' }))

export const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

/** A clock that lags behind ours is to take the certificate at once. */
const BACKDATED_MS = 5 * 60_000

/** A self-signed authority that may sign certificates of gateways and doors, and no other authority. */
export async function makeAuthority(name: string, nowUs: number, lifeDays: number): Promise<Issuer> {
  const key = newKey()
  const { signing, algorithm } = await signingKey(key)
  const publicKey = await x509PublicKey(createPublicKey(key).export({ type: 'spki', format: 'der' }))
  const made = await x509.X509CertificateGenerator.create({
    ...validity(nowUs, lifeDays), serialNumber: newSerial(), subject: [{ CN: [name] }], issuer: [{ CN: [name] }], publicKey, signingKey: signing, signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  })
  return { certificate: new X509Certificate(made.toString('pem')), key }
}

/** A gateway's certificate: it may show itself to a server with it, and be none. */
export async function signGateway(issuer: Issuer, request: CertificateRequest, { site, gateway }: { site: string; gateway: string }, nowUs: number, lifeDays: number): Promise<NewCertificate> {
  const certificate = await sign(issuer, request.spki, {
    subject: [{ O: [site] }, { CN: [gateway] }], usage: x509.ExtendedKeyUsage.clientAuth, names: [{ type: 'url', value: `twinward://${site}/gateways/${gateway}` }], ...validity(nowUs, lifeDays),
  })
  return {
    serial: certificate.serialNumber.toLowerCase(), fingerprint: sha256(certificate.raw), publicKey: request.publicKey, subject: certificate.subject.replaceAll('\n', ', '),
    authority: keyIdOf(issuer.certificate), pem: certificate.toString(), notBeforeUs: Date.parse(certificate.validFrom) * 1000, notAfterUs: Date.parse(certificate.validTo) * 1000,
  }
}

/** The door's certificate, for a key that is made with it and stays in memory. */
export async function signDoor(issuer: Issuer, nowUs: number, lifeDays: number): Promise<Issuer> {
  const key = newKey()
  const certificate = await sign(issuer, createPublicKey(key).export({ type: 'spki', format: 'der' }), {
    subject: [{ CN: [DOOR_NAME] }], usage: x509.ExtendedKeyUsage.serverAuth, names: [{ type: 'dns', value: DOOR_NAME }], ...validity(nowUs, lifeDays),
  })
  return { certificate, key }
}

/** Reads a PKCS #10 request of a P-256 key. Refuses (`invalid`) anything else: one kind of key is one thing to get right. */
export async function readRequest(pem: string): Promise<CertificateRequest> {
  const request = parse(pem)
  const spki = new Uint8Array(request.publicKey.rawData)
  const key = orNull(() => createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }))
  if (key?.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    refuse('invalid', 'The certificate request is not for a P-256 key; twinward-edge makes such a key itself.', { fault: 'bad_request' })
  }
  if (!await request.verify(webcrypto as Crypto).catch(() => false)) {
    refuse('invalid', 'The certificate request is not signed by the key that it names: it was changed on its way.', { fault: 'bad_request' })
  }
  return { spki, publicKey: sha256(spki) }
}

function parse(pem: string): x509.Pkcs10CertificateRequest {
  return orNull(() => new x509.Pkcs10CertificateRequest(pem)) ?? refuse('invalid', 'This is no certificate request (PKCS #10, PEM).', { fault: 'bad_request' })
}

interface Leaf {
  readonly subject: x509.JsonName
  readonly usage: string
  readonly names: x509.JsonGeneralNames
  readonly notBefore: Date
  readonly notAfter: Date
}

async function sign(issuer: Issuer, spki: Uint8Array, { usage, names, ...leaf }: Leaf): Promise<X509Certificate> {
  const { signing, algorithm } = await signingKey(issuer.key)
  const authority = new x509.X509Certificate(issuer.certificate.raw)
  const publicKey = await x509PublicKey(spki)
  const made = await x509.X509CertificateGenerator.create({
    ...leaf, serialNumber: newSerial(), issuer: authority.subjectName, publicKey, signingKey: signing, signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([usage], false),
      new x509.SubjectAlternativeNameExtension(names),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
    ],
  })
  return new X509Certificate(made.toString('pem'))
}

const x509PublicKey = (spki: Uint8Array): Promise<x509.PublicKey> => Promise.resolve(new x509.PublicKey(Buffer.from(spki)))

/** Web Crypto's view of a key: P-256 or P-384 as we make them, RSA as authorities of others have it. */
async function signingKey(key: KeyObject): Promise<{ signing: CryptoKey; algorithm: Algorithm | EcdsaParams }> {
  const algorithm = algorithmOf(key)
  const der = key.export({ type: 'pkcs8', format: 'der' })
  return { signing: await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']), algorithm }
}

function algorithmOf(key: KeyObject): { name: string; hash: string; namedCurve?: string } {
  const { namedCurve } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  if (key.asymmetricKeyType === 'ec' && namedCurve === 'secp384r1') return { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' }
  if (key.asymmetricKeyType === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  throw new Error(`an authority's key is EC P-256, EC P-384 or RSA, not ${namedCurve ?? key.asymmetricKeyType ?? 'a secret'}`)
}

/**
 * An authority from PEM.
 * @throws Error saying what is wrong with it: no authority, or not its key
 */
export function readIssuer(certificatePem: string, keyPem: string): Issuer {
  const certificate = new X509Certificate(certificatePem)
  const key = createPrivateKey(keyPem)
  algorithmOf(key)
  if (!certificate.ca) throw new Error('the certificate is not one of an authority (basicConstraints CA)')
  if (!certificate.checkPrivateKey(key)) throw new Error('the key is not that of the certificate')
  return { certificate, key }
}

/** 127 random bits: positive, and never twice. */
function newSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toString('hex')
}

function validity(nowUs: number, lifeDays: number): { notBefore: Date; notAfter: Date } {
  const ms = Math.floor(nowUs / 1e6) * 1000
  return { notBefore: new Date(ms - BACKDATED_MS), notAfter: new Date(ms + lifeDays * 86_400_000) }
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

function orNull<T>(work: () => T): T | null {
  try {
    return work()
  } catch {
    return null
  }
}
