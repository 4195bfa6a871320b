import type { LocalAlarm } from '../domain/contract/local-alarm.ts'
import { microsToIso } from '../domain/contract/time.ts'
import { announce } from '../store/outbox.ts'
import type { Tx } from '../store/transaction.ts'

type Told = Pick<LocalAlarm, 'id' | 'asset' | 'rule' | 'message' | 'recommendedAction' | 'sinceUs' | 'raisedUs' | 'clearedUs' | 'because'>
  & { readonly gateway: string; readonly severity: string; readonly numbers?: LocalAlarm['numbers']; readonly judgement: object | null }

/** Tells bus and receivers of a gateway's alarm; the same once more is the same event. */
export async function announceLocalAlarm(tx: Tx, alarm: Told, atUs: number): Promise<void> {
  await announce(tx, { id: `local-alarm/${alarm.gateway}/${alarm.id}/raised`, type: 'local-alarm.raised', atUs, data: factsOf(alarm) })
}

/** And that it is over. */
export async function announceLocalAlarmCleared(tx: Tx, alarm: Told, atUs: number): Promise<void> {
  await announce(tx, {
    id: `local-alarm/${alarm.gateway}/${alarm.id}/cleared`, type: 'local-alarm.cleared', atUs,
    data: { ...factsOf(alarm), clearedAt: alarm.clearedUs === null ? null : microsToIso(alarm.clearedUs), because: alarm.because },
  })
}

const factsOf = ({ id, gateway, asset, rule, severity, message, recommendedAction, numbers = [], judgement, sinceUs, raisedUs }: Told) => ({
  alarm: id, gateway, asset, rule, severity, message, recommendedAction, numbers, ...(judgement !== null && { judgement }), since: microsToIso(sinceUs), raisedAt: microsToIso(raisedUs),
})
