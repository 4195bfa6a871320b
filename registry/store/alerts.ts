import type { Severity } from '../domain/contract/scored-event.ts'
import { microsToIso } from '../domain/contract/time.ts'
import type { Routing } from '../domain/policy/policy.ts'
import { noteAlertEvent } from './alert-events.ts'
import { markAcknowledged } from './alert-rows.ts'
import { alarmForEpisode, gatewayPerson, linkAlarm, type JudgedAlarm } from './judged-alarms.ts'
import { usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'
import { startAlertLifecycle } from './workflow-calls.ts'
import { writingSite } from './writing-site.ts'

export interface RaisedDecision {
  readonly assetRef: number
  /** For the event's readers; the row goes by `assetRef`. */
  readonly asset: string
  readonly ruleId: string
  readonly severity: Severity
  readonly failureMode: string | null
  readonly recommendedAction: string
  readonly releaseRef: number
  /** The champion's score whose decision raised it. */
  readonly scoreId: string
  /** Event time: when the rule's condition had held long enough. */
  readonly raisedAtUs: number
  /** False keeps it off webhooks and escalation: people see it, nobody is called. */
  readonly pages: boolean
  /** The policy's, as of now: a later policy does not move the deadlines of what is already open. */
  readonly routing: Routing
  /** Wall time. */
  readonly nowUs: number
  readonly site?: string
}

export interface RaisedAlert { readonly alertId: string; readonly outcome: 'raised' | 'raised-again' | 'joined' | 'repeated' }

const SEVERITY_RANK = "array_position(array['low','medium','high','urgent'], %s)"
const rank = (column: string): string => SEVERITY_RANK.replace('%s', column)

/**
 * Raises an alert in the transaction that stores its decision. One episode per asset and rule: while one is open, a
 * second raise joins it, and brings it back to `unacknowledged` if its signal had returned to normal (ISA-18.2). The
 * same score raising the same rule once more (a retried activity) changes nothing.
 */
export async function raiseAlert(tx: Tx, raised: RaisedDecision): Promise<RaisedAlert> {
  const site = writingSite(tx, raised.site)
  const known = await alarmForEpisode(tx, site, raised.asset, raised.ruleId, raised.raisedAtUs)
  const alert = await raiseOrJoin(tx, site, raised, known === null || !counts(known.toldUs ?? known.acknowledged?.atUs, raised))
  if (known !== null) await followGateway(tx, site, raised, alert, known)
  return alert
}

/** @param calls false: somebody has been told of it already, by its gateway */
async function raiseOrJoin(tx: Tx, site: string, raised: RaisedDecision, calls: boolean): Promise<RaisedAlert> {
  const { rows } = await tx.query<{ alert_id: string }>(
    `with made as (select gen_random_uuid() as id)
     insert into alert (alert_id, site_id, asset_ref, rule_id, severity, failure_mode, recommended_action, release_ref,
                        raised_score_id, raised_at, pages, routing, acknowledge_by, created_at, called_at, close_after_s, workflow_id)
     select id, $1, $2, $3, $4, $5, $6, $7, $8, ${usToTimestamp('$9')}, $10, $11,
            case when $10 then ${usToTimestamp('$12')} end, ${usToTimestamp('$13')}, ${usToTimestamp('$13')},
            coalesce((select (f.governance->'alerts'->>'autoCloseAfterSeconds')::integer
                      from release r join family f on f.site_id = r.site_id and f.family_id = r.family_id where r.release_ref = $7), 3600),
            'alert/' || id
     from made
     on conflict do nothing returning alert_id`,
    [site, raised.assetRef, raised.ruleId, raised.severity, raised.failureMode, raised.recommendedAction, raised.releaseRef,
      raised.scoreId, raised.raisedAtUs, raised.pages, JSON.stringify(raised.routing), acknowledgeBy(raised), raised.nowUs],
  )
  const alertId = rows[0]?.alert_id
  if (alertId === undefined) return joinOpen(tx, site, raised, calls)
  await startAlertLifecycle(tx, site, alertId)
  await noteAlertEvent(tx, { site, alertId, kind: 'raised', actorId: 'twinward:decision', atUs: raised.nowUs, detail: factsOf(raised), calls })
  return { alertId, outcome: 'raised' }
}

/** The signal fell below its clearing level for long enough: the process side of the open episode returns to normal. */
export async function clearAlert(
  tx: Tx, cleared: { assetRef: number; ruleId: string; clearedAtUs: number; nowUs: number; site?: string },
): Promise<{ alertId: string } | null> {
  const site = writingSite(tx, cleared.site)
  const { rows } = await tx.query<{ alert_id: string; state: string }>(
    `update alert set cleared_at = ${usToTimestamp('$3')}, returned_at = ${usToTimestamp('$4')},
            state = case state when 'unacknowledged' then 'returned-unacknowledged' else state end
     where site_id = $5 and asset_ref = $1 and rule_id = $2 and state <> 'closed' and cleared_at is null
     returning alert_id, state`,
    [cleared.assetRef, cleared.ruleId, cleared.clearedAtUs, cleared.nowUs, site],
  )
  const row = rows[0]
  if (!row) return null
  await noteAlertEvent(tx, {
    site, alertId: row.alert_id, kind: 'returned-to-normal', actorId: 'twinward:decision', atUs: cleared.nowUs,
    detail: { clearedAt: microsToIso(cleared.clearedAtUs), state: row.state },
  })
  return { alertId: row.alert_id }
}

/** The episode that a gateway's release raised before is this one; whoever acknowledged it there has done so. */
async function followGateway(tx: Tx, site: string, raised: RaisedDecision, { alertId, outcome }: RaisedAlert, known: JudgedAlarm): Promise<void> {
  await linkAlarm(tx, site, known, alertId)
  if (known.acknowledged === null || !counts(known.acknowledged.atUs, raised) || outcome === 'repeated' || outcome === 'joined') return
  const by = gatewayPerson(known.gateway, known.acknowledged.by)
  await markAcknowledged(tx, alertId, by, raised.nowUs)
  await noteAlertEvent(tx, {
    site, alertId, kind: 'acknowledged', actorId: by, atUs: raised.nowUs, calls: false,
    detail: { asset: raised.asset, rule: raised.ruleId, note: known.acknowledged.comment ?? '', gateway: known.gateway, localAlarm: known.id },
  })
}

/** A word of long ago was about something else: a gateway may have been taken away with its alarm standing. */
const counts = (wordUs: number | undefined, { nowUs }: RaisedDecision): boolean => wordUs !== undefined && wordUs > nowUs - WORD_COUNTS_US
const WORD_COUNTS_US = 7 * 86_400_000_000

/** The insert met a row: an open episode of the rule, or (a retry) the very alert this score raised before. */
async function joinOpen(tx: Tx, site: string, raised: RaisedDecision, calls: boolean): Promise<RaisedAlert> {
  const known = await tx.query<{ alert_id: string; same: boolean; cleared: boolean; sharper: boolean }>(
    `select alert_id, raised_score_id = $3 as same, cleared_at is not null as cleared, ${rank('$4::text')} > ${rank('severity')} as sharper
     from alert where asset_ref = $1 and rule_id = $2 and (state <> 'closed' or raised_score_id = $3)
     order by raised_score_id = $3 desc limit 1 for update`,
    [raised.assetRef, raised.ruleId, raised.scoreId, raised.severity],
  )
  const open = known.rows[0]
  if (!open) throw new Error(`an alert of asset ${raised.assetRef} and rule ${raised.ruleId} stands in the way, but cannot be seen`)
  if (open.same) return { alertId: open.alert_id, outcome: 'repeated' }
  if (!open.cleared && !open.sharper) return { alertId: open.alert_id, outcome: 'joined' }
  await tx.query(
    `update alert set
       severity = case when $2 then $3 else severity end,
       recommended_action = case when $2 then $4 else recommended_action end,
       state = 'unacknowledged', cleared_at = null, returned_at = null, acknowledged_at = null, acknowledged_by = null,
       escalation_level = 0, overdue_at = null, called_at = ${usToTimestamp('$6')},
       acknowledge_by = case when pages then ${usToTimestamp('$5')} end
     where alert_id = $1`,
    [open.alert_id, open.sharper, raised.severity, raised.recommendedAction, acknowledgeBy(raised), raised.nowUs],
  )
  await noteAlertEvent(tx, {
    site, alertId: open.alert_id, kind: 'raised-again', actorId: 'twinward:decision', atUs: raised.nowUs, detail: factsOf(raised), calls,
  })
  return { alertId: open.alert_id, outcome: 'raised-again' }
}

const acknowledgeBy = (raised: RaisedDecision): number => Math.round(raised.nowUs + raised.routing.acknowledgeWithinSeconds * 1_000_000)

const factsOf = (raised: RaisedDecision): Record<string, unknown> => ({
  asset: raised.asset, rule: raised.ruleId, severity: raised.severity, failureMode: raised.failureMode,
  recommendedAction: raised.recommendedAction, score: raised.scoreId, raisedAt: microsToIso(raised.raisedAtUs),
  channels: raised.routing.channels[raised.severity],
})
