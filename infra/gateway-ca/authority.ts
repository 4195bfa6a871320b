import { readFileSync } from 'node:fs'
import { X509Certificate } from 'node:crypto'
import type { GatewayAuthority } from '../../registry/services/gateways/authority.ts'
import { openAuthorities, readAuthorities } from './folder.ts'
import { keyIdOf, readIssuer, readRequest, signDoor, signGateway, type Issuer } from './x509.ts'

export interface AuthorityOptions {
  readonly dataDir: string
  /** Files of an authority of your own; none: the platform's, in the data folder. */
  readonly yours?: { readonly certificateFile: string; readonly keyFile: string }
  readonly nowUs: () => number
  /** Of a gateway's certificate, 90 unless told. */
  readonly lifeDays?: number
}

/** The authorities as this process knows them. */
export interface PlatformAuthority extends GatewayAuthority {
  /** Of another's making: it is exchanged by exchanging its files. */
  readonly isYours: boolean
  /** Key ids of all that there are, the one that signs last. */
  readonly keyIds: () => readonly string[]
  /** A certificate for the door, by the oldest authority that gateways may still go by: whoever trusts a newer one trusts that too. */
  forDoor(): Promise<Issuer>
  /** Certificates of all that a gateway's may be by. */
  readonly certificates: () => readonly X509Certificate[]
  /** Looks at the files again. */
  reload(): void
  /** Authorities whose certificates are all renewed or over are trusted no more. The one that signs always is. */
  retire(needed: ReadonlySet<string>): void
}

const LIFE_DAYS = 90
const DOOR_LIFE_DAYS = 30

/**
 * Opens the authority of gateways, made at the first start.
 * @throws Error naming the file that cannot be used
 */
export async function openAuthority({ dataDir, yours, nowUs, lifeDays = LIFE_DAYS }: AuthorityOptions): Promise<PlatformAuthority> {
  const read = (): Trust => (yours ? readYours(yours) : trustOf(readAuthorities(dataDir)))
  let trust = yours ? readYours(yours) : trustOf(await openAuthorities(dataDir, nowUs()))
  let retired: ReadonlySet<string> = new Set()
  const living = () => trust.certificates.filter((one) => !retired.has(keyIdOf(one)))
  const oldest = () => trust.issuers.find(({ certificate }) => !retired.has(keyIdOf(certificate))) ?? trust.signing
  return {
    isYours: yours !== undefined,
    keyIds: () => living().map(keyIdOf),
    pins: () => living().map(keyIdOf),
    trusted: () => living().map((one) => one.toString()),
    certificates: living,
    readRequest,
    issue: (request, of, atUs) => signGateway(trust.signing, request, of, atUs, lifeDays),
    forDoor: () => signDoor(oldest(), nowUs(), DOOR_LIFE_DAYS),
    reload: () => { trust = read() },
    retire: (needed) => {
      // Of yours the file says who is trusted.
      if (yours) return
      retired = new Set(trust.certificates.map(keyIdOf).filter((id) => id !== keyIdOf(trust.signing.certificate) && !needed.has(id)))
    },
  }
}

interface Trust {
  /** Oldest first. */
  readonly issuers: readonly Issuer[]
  /** Signs from now on. */
  readonly signing: Issuer
  readonly certificates: readonly X509Certificate[]
}

function trustOf(issuers: readonly Issuer[]): Trust {
  const signing = issuers.at(-1)
  if (signing === undefined) throw new Error('there is no authority of gateways in the data folder, though there was one; restore gateway-ca/ from a backup')
  return { issuers, signing, certificates: issuers.map(({ certificate }) => certificate) }
}

/** The first certificate of the file signs; those behind it are trusted beside it. */
function readYours({ certificateFile, keyFile }: NonNullable<AuthorityOptions['yours']>): Trust {
  try {
    const blocks = readFileSync(certificateFile, 'utf8').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
    const issuer = readIssuer(blocks[0] ?? '', readFileSync(keyFile, 'utf8'))
    return { issuers: [issuer], signing: issuer, certificates: blocks.map((block) => new X509Certificate(block)) }
  } catch (cause) {
    throw new Error(`TWINWARD_GATEWAY_CA_CERT (${certificateFile}) and TWINWARD_GATEWAY_CA_KEY (${keyFile}) cannot be used: `
      + `${cause instanceof Error ? cause.message : String(cause)}. They hold the PEM of an authority's certificate, and of its key without a passphrase.`, { cause })
  }
}
