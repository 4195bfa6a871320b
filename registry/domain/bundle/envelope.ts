import { createEnvelopeCodec } from '../signed/envelope.ts'
import { refuseBundle } from './refusal.ts'

export { withSignature } from '../signed/envelope.ts'

/** Larger than any model of ours by far; a gateway reads a bundle into memory. */
export const MAX_BUNDLE_BYTES = 16 * 1024 * 1024

const AGAIN = 'Copy it to the gateway again, or export it again with "twinward bundle".'

const codec = createEnvelopeCodec({
  magic: 'TWBUNDL', format: 1, maxBytes: MAX_BUNDLE_BYTES, noun: 'bundle', made: '"twinward bundle RELEASE --asset ASSET --out FILE" writes on the platform',
  cure: {
    again: AGAIN, sign: 'Export it from the platform with "twinward bundle", which signs it.',
    format: 'Update the gateway, or export the bundle from a platform of its version.', smaller: 'Export it for fewer machines, or train a smaller model.',
  },
  refuse: refuseBundle,
})

/** Everything but the signature; the content is the model's bytes. */
export const bundleBody = codec.body
/** As every signed file is taken apart; the content is the model's bytes. */
export const readEnvelope = codec.read
