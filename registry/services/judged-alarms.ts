import type { LocalAlarm } from '../domain/contract/local-alarm.ts'
import { noteAlertEvent } from '../store/alert-events.ts'
import { lockAlert, markAcknowledged } from '../store/alert-rows.ts'
import { acknowledgedAtGateway, gatewayPerson, linkToEpisodes, sitesWithUntold, takeUntold, toldAlarms } from '../store/judged-alarms.ts'
import { ALL_SITES, inSite, type Tx } from '../store/transaction.ts'
import { announceLocalAlarm, announceLocalAlarmCleared } from './announce-local-alarm.ts'
import type { ServiceContext } from './context.ts'

/** So long the platform has to come to the same episode by itself before its receivers are told of the gateway's. */
export const GRACE_US = 60_000_000

/**
 * Brings what a gateway tells of its releases' alarms together with the platform's episodes: one that is there is the same
 * one, and whoever acknowledged it at the gateway has acknowledged it.
 */
export async function reconcileJudgedAlarms(tx: Tx, site: string, gateway: string, alarms: readonly LocalAlarm[], nowUs: number): Promise<void> {
  const ids = alarms.map(({ id }) => id)
  await linkToEpisodes(tx, site, { gateway, ids })
  await acknowledgeAsGateway(tx, site, gateway, ids, nowUs)
  const told = await toldAlarms(tx, site, gateway, ids)
  for (const alarm of alarms) if (alarm.clearedUs !== null && told.has(alarm.id)) await announceLocalAlarmCleared(tx, { ...alarm, gateway }, nowUs)
}

async function acknowledgeAsGateway(tx: Tx, site: string, gateway: string, ids: readonly string[], nowUs: number): Promise<void> {
  for (const { alertId, id, acknowledged } of await acknowledgedAtGateway(tx, site, gateway, ids)) {
    if (acknowledged === null) continue
    const { asset, ruleId } = await lockAlert(tx, alertId)
    const by = gatewayPerson(gateway, acknowledged.by)
    await markAcknowledged(tx, alertId, by, nowUs)
    await noteAlertEvent(tx, { site, alertId, kind: 'acknowledged', actorId: by, atUs: nowUs, detail: { asset, rule: ruleId, note: acknowledged.comment ?? '', gateway, localAlarm: id } })
  }
}

/**
 * Tells receivers of alarms that a gateway's release raised and that the platform has not come to within a minute: its
 * readings may still be on their way, or lost. The episode that it raises then calls nobody again. Gives how many were told.
 */
export async function tellJudgedAlarms(ctx: Pick<ServiceContext, 'pool' | 'nowUs'>): Promise<number> {
  const nowUs = ctx.nowUs()
  const sites = await inSite(ctx.pool, ALL_SITES, (tx) => sitesWithUntold(tx, nowUs))
  let count = 0
  for (const site of sites) {
    count += await inSite(ctx.pool, site, async (tx) => {
      // A report and the closing of the same window may have passed each other, each before the other was there.
      for (const { gateway, id } of await linkToEpisodes(tx, site, null)) await acknowledgeAsGateway(tx, site, gateway, [id], nowUs)
      const alarms = await takeUntold(tx, site, nowUs - GRACE_US, nowUs)
      for (const alarm of alarms) {
        await announceLocalAlarm(tx, alarm, nowUs)
        if (alarm.clearedUs !== null) await announceLocalAlarmCleared(tx, alarm, nowUs)
      }
      return alarms.length
    })
  }
  return count
}
