import 'reflect-metadata'
import { createPrivateKey, createPublicKey, generateKeyPairSync, webcrypto } from 'node:crypto'
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509'

/** A key (EC P-256, PKCS #8 PEM), made on the box. */
export const makeKey = (): string => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** A certificate request (PKCS #10, RFC 2986) for the key: that we hold it is proved by its signature. Names are the platform's to give. */
export async function makeRequest(key: string): Promise<string> {
  const privateKey = createPrivateKey(key)
  const keys = {
    privateKey: await webcrypto.subtle.importKey('pkcs8', privateKey.export({ type: 'pkcs8', format: 'der' }), ALGORITHM, false, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', createPublicKey(privateKey).export({ type: 'spki', format: 'der' }), ALGORITHM, true, ['verify']),
  }
  return (await Pkcs10CertificateRequestGenerator.create({ name: 'CN=gateway', keys, signingAlgorithm: ALGORITHM }, webcrypto as Crypto)).toString('pem')
}
