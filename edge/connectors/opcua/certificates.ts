// First: the stack speaks while it loads.
import './library-log.ts'
import { createHash, X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import { OPCUACertificateManager } from 'node-opcua-certificate-manager'
import { refuse } from '../../../registry/domain/errors.ts'

/** The connector's certificates in its folder: its own, those it trusts, those it refused (OPC UA Part 12, 7.8). */
export interface CertificateStore {
  readonly manager: OPCUACertificateManager
  readonly certificateFile: string
  readonly privateKeyFile: string
  /** As it stands in our own certificate; servers compare. */
  readonly applicationUri: string
  /** Refuses (`unavailable`) a server that is not trusted, with the file to move and where to. */
  checkServer(chain: Buffer, endpoint: string): Promise<void>
  dispose(): Promise<void>
}

export interface CertificateStoreOptions {
  readonly directory: string
  /** Names the certificate. */
  readonly id: string
  readonly trustOnFirstUse: boolean
}

const TEN_YEARS_DAYS = 3_650

/** Opens the store, and makes folder, key (mode 0600) and self-signed certificate when there are none. */
export async function openCertificates({ directory, id, trustOnFirstUse }: CertificateStoreOptions): Promise<CertificateStore> {
  const root = path.join(directory, 'pki')
  await mkdir(root, { recursive: true, mode: 0o700 })
  const manager = new OPCUACertificateManager({ rootFolder: root, disableFileWatchers: true, automaticallyAcceptUnknownCertificate: false, keySize: 2048 })
  await manager.initialize()
  const certificateFile = path.join(root, 'own/certs/client_certificate.pem')
  const privateKeyFile = manager.privateKey
  await chmod(privateKeyFile, 0o600)
  if (!existsSync(certificateFile)) await createOwn(manager, certificateFile, id)
  const own = new X509Certificate(await readFile(certificateFile))

  return {
    manager, certificateFile, privateKeyFile,
    applicationUri: /URI:([^,\s]+)/.exec(own.subjectAltName ?? '')?.[1] ?? refuse('invalid', `${certificateFile} names no application URI; remove it, and a new one is made`),

    async checkServer(chain, endpoint) {
      const isFirst = trustOnFirstUse && await knowsNobody(root, own)
      const verdict = (await manager.checkCertificate(chain)).name
      if (verdict === 'Good') return
      const server = new X509Certificate(chain)
      const thumbprint = createHash('sha1').update(server.raw).digest('hex')
      if (isFirst && (verdict === 'BadCertificateUntrusted' || verdict === 'BadCertificateRevocationUnknown')) {
        await manager.trustCertificate(server.raw)
        return
      }
      const kept = (await readdir(path.join(root, 'rejected'))).find((name) => name.includes(thumbprint))
      const facts = { endpoint, thumbprint, verdict, ...(kept !== undefined && { file: path.join(root, 'rejected', kept) }) }
      const who = `the certificate of ${endpoint} (${server.subject.replaceAll('\n', ', ')}; SHA-1 ${thumbprint})`
      if (verdict === 'BadCertificateUntrusted' && kept !== undefined) {
        refuse('unavailable', `${who} is not trusted. Compare the thumbprint with the server's; if it is the same, move ${path.join(root, 'rejected', kept)} to ${path.join(root, 'trusted/certs')}${path.sep}`, facts)
      }
      refuse('unavailable', `${who} is refused: ${verdict}. ${CURES[verdict] ?? `Renew it on the server; authorities belong into ${path.join(root, 'issuers/certs')}`}`, facts)
    },

    async dispose() {
      await manager.dispose()
    },
  }
}

const CURES: Readonly<Record<string, string>> = {
  BadCertificateTimeInvalid: 'It has expired or is not yet valid: look at the clocks of the server and of this box, then renew it on the server.',
  BadCertificateRevoked: 'Its authority has revoked it: renew it on the server.',
  BadCertificateRevocationUnknown: 'Put the revocation list of its authority into pki/issuers/crl.',
  BadCertificateChainIncomplete: 'Put the certificate of its authority into pki/issuers/certs.',
}

async function createOwn(manager: OPCUACertificateManager, file: string, id: string): Promise<void> {
  const host = hostname()
  await manager.createSelfSignedCertificate({
    applicationUri: `urn:${host}:twinward:${id}`, dns: [host], outputFile: file, subject: `/CN=Twinward ${id}/O=Twinward`, startDate: new Date(), validity: TEN_YEARS_DAYS,
  })
}

/** Whether no server has been trusted yet. The stack puts our own certificate among the trusted; it does not count. */
async function knowsNobody(root: string, own: X509Certificate): Promise<boolean> {
  for (const folder of ['trusted/certs', 'issuers/certs']) {
    for (const name of await readdir(path.join(root, folder)).catch(() => [])) {
      const certificate = new X509Certificate(await readFile(path.join(root, folder, name)))
      if (!certificate.raw.equals(own.raw)) return false
    }
  }
  return true
}
