import type { LocalAlarm } from '../../../registry/domain/contract/local-alarm.ts'
import { microsToIso } from '../../../registry/domain/contract/time.ts'

/** Where an alarm comes from. */
export interface Sender { readonly site: string; readonly gateway: string }

/** An alarm as other programs get it: times as ISO 8601, plain names. */
export function alarmMessage({ site, gateway }: Sender, alarm: LocalAlarm) {
  const { id, revision, asset, rule, severity, message, recommendedAction, state, because, numbers, judgement, acknowledged } = alarm
  const iso = (us: number | null) => (us === null ? null : microsToIso(us))
  return {
    site, gateway, id, revision, asset, rule, severity, state, message, recommendedAction, since: iso(alarm.sinceUs), raised: iso(alarm.raisedUs), cleared: iso(alarm.clearedUs), because, numbers,
    judgement: judgement && { ...judgement, window: { start: iso(judgement.window.startUs), end: iso(judgement.window.endUs) } },
    acknowledged: acknowledged && { by: acknowledged.by, at: iso(acknowledged.atUs), comment: acknowledged.comment },
  }
}
export type AlarmMessage = ReturnType<typeof alarmMessage>
