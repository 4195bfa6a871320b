import { platformActor } from '../../domain/access/rights.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import type { DomainError } from '../../domain/errors.ts'
import { recordNumberedAudit } from '../../store/audit.ts'
import { putCopy, putRefusal, type CopyNotice } from '../../store/gateway-access.ts'
import { announce } from '../../store/outbox.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'

const DOOR = platformActor('door')

/** Keeps why a gateway was turned away, for whoever asks how it is. Only for one that is known by its certificate or token. */
export async function noteRefusal(ctx: ServiceContext, of: { readonly site: string; readonly gateway: string }, refusal: DomainError, address: string | null): Promise<void> {
  const { fault } = refusal.details
  await inSite(ctx.pool, of.site, (tx) => putRefusal(tx, of.site, of.gateway, {
    code: typeof fault === 'string' ? fault : refusal.code, because: refusal.message, address, atUs: ctx.nowUs(),
  }))
}

/** Two sessions are at work under one identity: a copied disk, or a stolen key. Told once an hour for as long as it lasts; says whether it was. */
export async function noteCopy(ctx: ServiceContext, { site, gateway }: { readonly site: string; readonly gateway: string }, notice: CopyNotice): Promise<boolean> {
  const atUs = ctx.nowUs()
  return inSite(ctx.pool, site, async (tx) => {
    const news = await putCopy(tx, site, gateway, notice, atUs)
    if (!news) return false
    const sessions = notice.sessions.map(({ sinceUs, ...session }) => ({ ...session, since: microsToIso(sinceUs) }))
    const number = await recordNumberedAudit(tx, { actor: DOOR, verb: 'note-copy', subject: `gateway/${gateway}`, detail: { sessions } })
    await announce(tx, { id: `gateway/${gateway}/copied/${number}`, type: 'gateway.copied', atUs, data: { gateway, sessions } })
    return true
  })
}
