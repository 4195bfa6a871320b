import { z } from 'zod'
import type { SignatureCheck } from '../bundle/open.ts'
import type { BundleSigner } from '../bundle/seal.ts'
import { canonicalJson, sha256Hex } from '../canonical.ts'
import { microsSchema, sha256Schema, slugSchema } from '../contract/primitives.ts'
import { refuse, type ErrorCode } from '../errors.ts'
import { createEnvelopeCodec, withSignature } from '../signed/envelope.ts'
import { SIGNED_FAULTS } from '../signed/faults.ts'
import { readManifest } from '../signed/read-manifest.ts'

/** Far above any site file: a thousand tags take 100 KB. */
export const MAX_SITE_FILE_BYTES = 512 * 1024
/** Signed, with its manifest. */
export const MAX_SIGNED_SITE_FILE_BYTES = MAX_SITE_FILE_BYTES + 16 * 1024

/** Why an ordered site file is not taken, each with the code of its refusal. */
const CODES = {
  ...SIGNED_FAULTS,
  wrong_gateway: 'conflict',
  changed_at_the_box: 'conflict',
  not_kept: 'unprocessable',
  mistakes: 'invalid',
  moves_the_buffer: 'conflict',
} as const satisfies Record<string, ErrorCode>
export type ConfigureFault = keyof typeof CODES

/** Refuses a site file: `details.fault` tells a program what the message tells a person. */
export function refuseSiteFile(fault: ConfigureFault, message: string, details: Record<string, unknown> = {}): never {
  return refuse(CODES[fault], message, { fault, ...details })
}

/** What a signed site file says of itself. Fields are added and never change their meaning; a reader passes over those it does not know. */
export const siteFileManifestSchema = z.object({
  site: slugSchema,
  gateway: slugSchema,
  /** SHA-256 over its text. */
  digest: sha256Schema,
  /** The site file that it is to take the place of: no other. */
  replaces: sha256Schema,
  /** The number is that of the platform's audit entry. */
  issue: z.object({ number: z.int().min(1), atUs: microsSchema, by: z.string().min(1).max(200) }),
})
export type SiteFileManifest = z.infer<typeof siteFileManifestSchema>

const AGAIN = 'Order it again with "twinward gateways configure".'

const codec = createEnvelopeCodec({
  magic: 'TWSITEF', format: 1, maxBytes: MAX_SIGNED_SITE_FILE_BYTES, noun: 'signed site file', made: '"twinward gateways configure" makes on the platform',
  cure: { again: AGAIN, sign: AGAIN, format: 'Update the gateway to the version that the platform has.', smaller: 'Use templates for machines that are alike.' },
  refuse: refuseSiteFile,
})

export function sealSiteFile(signer: BundleSigner, manifest: Omit<SiteFileManifest, 'digest'>, text: string): Uint8Array {
  const content = new TextEncoder().encode(text)
  const body = codec.body(signer.keyId, new TextEncoder().encode(canonicalJson(siteFileManifestSchema.parse({ ...manifest, digest: sha256Hex(content) }))), content)
  return withSignature(body, signer.sign(body))
}

/** Opens one, or refuses it with the cure (`details.fault`). The signature comes first: of what is not signed by a trusted key nothing but lengths is looked at. */
export function openSiteFile(bytes: Uint8Array, check: SignatureCheck): { readonly manifest: SiteFileManifest; readonly text: string } {
  const { keyId, manifest: head, content, body, signature } = codec.read(bytes)
  const verdict = check(keyId, body, signature)
  if (verdict === 'unknown_key') {
    refuseSiteFile('unknown_key', `This site file is signed by key ${keyId}, which this gateway does not trust. Fetch the platform's key with "twinward bundle-key --out KEY.pem", compare its id, and give it to the box ("twinward-edge update" or "install" with --trust KEY.pem).`, { keyId })
  }
  if (verdict === 'bad') refuseSiteFile('changed', `This site file is not what was signed: it was changed or damaged on its way. ${AGAIN}`, { keyId })
  const unreadable = (why: string): never => refuseSiteFile('unreadable', `This gateway cannot read what is signed: ${why}. Update the gateway, then order it again.`)
  const manifest = readManifest(siteFileManifestSchema, head, unreadable)
  if (sha256Hex(content) !== manifest.digest) refuseSiteFile('changed', `The text of this site file is not the one that its signed head names. ${AGAIN}`)
  try {
    return { manifest, text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content) }
  } catch {
    return unreadable('it is no text')
  }
}
