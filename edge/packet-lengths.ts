import { setImmediate as breathe } from 'node:timers/promises'
import { writeToStream } from 'mqtt-packet'

/** Lengths of up to two bytes, which are the ones that are kept. */
const KEPT = 16_384
const AT_ONCE = 1_024
/** Type, topic (two bytes of length and one letter): the rest of the length is payload. */
const TOPIC = 't'
const BESIDE_PAYLOAD = 3

/**
 * Has mqtt-packet encode every remaining length that it keeps (MQTT 3.1.1 §2.2.3), one after the other. It keeps each that
 * it has ever written, as four bytes that hold on to the 8 KiB of Node's pool they were cut from: a gateway that ships
 * live meets them all in time, each among other work, and would hold 128 MiB by that. Made together they share 128 KiB.
 */
export async function packLengths(signal: AbortSignal): Promise<void> {
  const payload = Buffer.alloc(KEPT)
  for (let length = BESIDE_PAYLOAD; length < KEPT && !signal.aborted; length++) {
    writeToStream({ cmd: 'publish', topic: TOPIC, payload: payload.subarray(0, length - BESIDE_PAYLOAD), qos: 0, dup: false, retain: false }, nowhere)
    if (length % AT_ONCE === 0) await breathe()
  }
}

/** What it writes to; no stream, which would hold on to what it is given. */
const nowhere = { write: () => true, destroy: () => undefined } as unknown as NodeJS.WritableStream
