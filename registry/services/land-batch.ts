import { createHash } from 'node:crypto'
import { demand, type Actor } from '../domain/access/rights.ts'
import { peekHeader } from '../domain/codec/decode.ts'
import type { Acknowledgement, BatchHeader } from '../domain/contract/batch.ts'
import { DomainError } from '../domain/errors.ts'
import { tellLanded } from '../store/batch-news.ts'
import { touchGateway } from '../store/gateways.ts'
import { insertQuarantine } from '../store/quarantine.ts'
import { insertRawBatch, type BatchRefusal } from '../store/raw-batches.ts'
import { ALL_SITES, inSite, type Tx } from '../store/transaction.ts'
import { FLEET_SITE } from '../domain/contract/primitives.ts'
import type { ServiceContext } from './context.ts'
import { demandNotShut } from './gateways/demand-not-shut.ts'

/** A batch as it came in; site and gateway are those of the channel it came by, which the header must confirm. */
export interface LandBatchInput {
  readonly site: string
  readonly gateway: string
  readonly bytes: Uint8Array
}

/** What is known of an arrival before anything is stored. */
interface Arrival extends LandBatchInput {
  readonly digest: string
  readonly receivedUs: number
}

/**
 * Makes a batch safe: first the bytes in the object store, then its row, and only then the acknowledgement. Bytes that
 * are no batch, or that may not land here, are kept in quarantine and acknowledged as such: sending them again would
 * not help. Refuses (`forbidden`, fault `revoked`) a gateway that was shut out, and keeps nothing: the rightful one ships it
 * when it is enrolled again. Throws beside that only where nothing could be made safe (`unavailable`, a lost connection): then the gateway keeps
 * the batch and sends it again.
 */
export async function landBatch(ctx: ServiceContext, actor: Actor, input: LandBatchInput): Promise<Acknowledgement> {
  demand(actor, 'reading.write', input.site)
  const arrival: Arrival = { ...input, digest: createHash('sha256').update(input.bytes).digest('hex'), receivedUs: ctx.nowUs() }
  await inSite(ctx.pool, input.site, (tx) => demandNotShut(tx, input.site, input.gateway))
  const header = headerOf(arrival)
  if (header instanceof DomainError) return quarantineUnread(ctx, arrival, { code: header.code, reason: header.message })

  const objectKey = `${header.site}/${header.gateway}/${header.epoch}/${String(header.sequence).padStart(12, '0')}-${arrival.digest.slice(0, 12)}.arrow`
  await ctx.objects.put('raw', objectKey, input.bytes, 'application/vnd.apache.arrow.stream', arrival.digest)
  const landed = await inSite(ctx.pool, input.site, (tx) => record(tx, arrival, header, objectKey))
  if (landed === 'no_site') {
    return quarantineUnread(ctx, arrival, { code: 'not_found', reason: `There is no site ${input.site}; make it, then send the batch again.` }, header)
  }
  return answer(arrival, header, landed)
}

type Landed = { readonly status: 'stored' | 'duplicate' } | { readonly status: 'quarantined'; readonly refusal: BatchRefusal }

async function record(tx: Tx, arrival: Arrival, header: BatchHeader, objectKey: string): Promise<Landed | 'no_site'> {
  const { rows } = await tx.query<{ kind: string }>('select kind from site where site_id = $1', [header.site])
  const kind = rows[0]?.kind
  if (kind === undefined || kind === 'fleet') return 'no_site'
  await touchGateway(tx, header.site, header.gateway, arrival.receivedUs, header.createdUs)
  const refusal = wrongMode(kind, header)
  const inserted = await insertRawBatch(tx, {
    header, digest: arrival.digest, bytes: arrival.bytes.length, objectKey, receivedUs: arrival.receivedUs, refusal,
  })
  if ('batchId' in inserted) {
    if (refusal) {
      await setAside(tx, arrival, header, objectKey, inserted.batchId, refusal)
      return { status: 'quarantined', refusal }
    }
    await tellLanded(tx, header)
    return { status: 'stored' }
  }
  if (inserted.digestThere === arrival.digest) return { status: 'duplicate' }
  const clash = {
    code: 'digest_mismatch',
    reason: `Batch ${header.sequence} of epoch ${header.epoch} is here with other content (digest ${inserted.digestThere.slice(0, 12)}…): `
      + 'two gateways share one buffer, or it was restored. The first one stands.',
  }
  await setAside(tx, arrival, header, objectKey, null, clash)
  return { status: 'quarantined', refusal: clash }
}

/** A simulation has a site of its own, so that it can never page anybody about a real machine. */
function wrongMode(kind: string, header: BatchHeader): BatchRefusal | null {
  if ((kind === 'simulation') === (header.mode === 'simulation')) return null
  return {
    code: 'unprocessable',
    reason: kind === 'simulation'
      ? `Site ${header.site} is a simulation; it takes batches of mode simulation only, not ${header.mode}.`
      : `Site ${header.site} is a real plant; send mode simulation to a simulation site.`,
  }
}

async function setAside(tx: Tx, arrival: Arrival, header: BatchHeader, objectKey: string, batchId: number | null, refusal: BatchRefusal): Promise<void> {
  await insertQuarantine(tx, header.site, [{
    ...refusal, batchId, gateway: header.gateway, epoch: header.epoch, sequence: header.sequence, digest: arrival.digest, objectKey,
    tagKey: null, rowCount: header.count, firstUs: null, lastUs: null, sample: null,
  }])
}

/** Keeps bytes that have no place in any sequence; those of a site that is not there stand under the whole fleet. */
async function quarantineUnread(ctx: ServiceContext, arrival: Arrival, refusal: BatchRefusal, header?: BatchHeader): Promise<Acknowledgement> {
  const objectKey = `_quarantine/${arrival.site}/${arrival.gateway}/${arrival.digest}`
  await ctx.objects.put('raw', objectKey, arrival.bytes)
  await inSite(ctx.pool, ALL_SITES, async (tx) => {
    const { rowCount } = await tx.query('select 1 from site where site_id = $1', [arrival.site])
    await insertQuarantine(tx, rowCount === 1 ? arrival.site : FLEET_SITE, [{
      ...refusal, batchId: null, gateway: arrival.gateway, epoch: header?.epoch ?? null, sequence: header?.sequence ?? null, digest: arrival.digest,
      objectKey, tagKey: null, rowCount: header?.count ?? 0, firstUs: null, lastUs: null, sample: { site: arrival.site, bytes: arrival.bytes.length },
    }])
  })
  return answer(arrival, header ?? null, { status: 'quarantined', refusal })
}

function headerOf({ bytes, site, gateway }: LandBatchInput): BatchHeader | DomainError {
  try {
    const header = peekHeader(bytes)
    if (header.site === site && header.gateway === gateway) return header
    return new DomainError('contract_broken', `The header says gateway ${header.site}/${header.gateway}, but the batch came from ${site}/${gateway}.`)
  } catch (error) {
    if (error instanceof DomainError) return error
    throw error
  }
}

function answer(arrival: Arrival, header: BatchHeader | null, landed: Landed): Acknowledgement {
  const refusal = landed.status === 'quarantined' ? landed.refusal : null
  return {
    gateway: arrival.gateway, epoch: header?.epoch ?? '', sequence: header?.sequence ?? 0, digest: arrival.digest,
    status: landed.status, code: refusal?.code ?? null, message: refusal?.reason ?? null, receivedUs: arrival.receivedUs,
  }
}
