import type { NewCertificate } from '../../store/gateway-certificates.ts'

/** Who signs gateways' certificates. A port: keys and X.509 are not the registry's. */
export interface GatewayAuthority {
  /** SHA-256 over the keys (SPKI) that the door may be known by, as tokens name them. */
  readonly pins: () => readonly string[]
  /** PEM of all that gateways are to trust. */
  readonly trusted: () => readonly string[]
  /** Reads a PKCS #10 request: whoever made it holds its key. Refuses (`invalid`) what is none, is not signed by its key, or has a key too weak. */
  readRequest(pem: string): Promise<CertificateRequest>
  /** A certificate for the request's key and this name, whatever names the request has. */
  issue(request: CertificateRequest, of: { readonly site: string; readonly gateway: string }, nowUs: number): Promise<NewCertificate>
}

export interface CertificateRequest {
  /** DER. */
  readonly spki: Uint8Array
  /** SHA-256 over it, hex. */
  readonly publicKey: string
}
