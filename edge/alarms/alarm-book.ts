import { randomBytes } from 'node:crypto'
import { refuse } from '../../registry/domain/errors.ts'
import type { AlarmJudgement, AlarmNumber, LocalAlarm } from '../../registry/domain/contract/local-alarm.ts'
import type { DurableBuffer } from '../buffer/buffer.ts'
import { ruleKey, type AlarmRule, type RuleName } from './rule.ts'

/**
 * The gateway's alarms, on disk and told to each listener until it has confirmed them. A disk that takes no writes keeps
 * nobody from hearing an alarm: it stands in memory then, and is written when the disk does.
 */
export interface AlarmBook {
  /** The alarm of a rule that stands; undefined: none. */
  standing(rule: RuleName): LocalAlarm | undefined
  /** Undone by nothing but {@link clear}; a rule whose alarm stands is left alone. */
  raise(rule: RaisingRule, what: { readonly sinceUs: number; readonly numbers: readonly AlarmNumber[]; readonly judgement?: AlarmJudgement }): Promise<void>
  clear(rule: RuleName, sinceUs: number, because: NonNullable<LocalAlarm['because']>): Promise<void>
  /** Refuses (`not_found`); done before, it changes nothing. Gives the alarm as it stands. */
  acknowledge(id: string, by: string, comment: string | null): Promise<LocalAlarm>
  /** Newest first; those that stand are always among them. */
  list(limit: number): LocalAlarm[]
  standingAll(): LocalAlarm[]
  /** What a listener has not confirmed yet, oldest first. */
  untold(listener: string, limit: number): LocalAlarm[]
  confirm(listener: string, told: readonly { readonly id: string; readonly revision: number }[]): Promise<void>
  /** Writes what the disk did not take before, and removes what is over and old. */
  care(): Promise<void>
}

/** What an alarm says of the rule that raised it. */
export type RaisingRule = Pick<AlarmRule, 'asset' | 'name' | 'severity' | 'message' | 'recommendedAction'>

interface StoredAlarm extends LocalAlarm {
  /** Revision that each listener has. */
  readonly told: Readonly<Record<string, number>>
}

export interface AlarmBookOptions {
  readonly buffer: DurableBuffer
  readonly nowUs: () => number
  /** How long an alarm that is over is kept. */
  readonly keepUs: number
  /** Who is told; one that was not there before hears of what stands, not of what was. */
  readonly listeners: readonly string[]
  /** Something is to be told: it is on disk, or the disk takes nothing. */
  readonly onChange: (alarm: LocalAlarm) => void
  /** Null: the disk takes alarms again. */
  readonly onDisk: (problem: unknown) => void
}

/** More than so many are not kept, however young. */
const MOST = 10_000
const UNJUDGED = { judgement: null } as const

export function createAlarmBook({ buffer, nowUs, keepUs, listeners, onChange, onDisk }: AlarmBookOptions): AlarmBook {
  const alarms = new Map<string, StoredAlarm>()
  const byRule = new Map<string, string>()
  const dirty = new Set<string>()
  const stem = buffer.epoch.slice(0, 8) + randomBytes(3).toString('hex')
  let count = 0
  for (const { value } of buffer.records('alarms')) {
    // A version before releases judged here wrote none.
    const stored: StoredAlarm = { ...UNJUDGED, ...value as Omit<StoredAlarm, 'judgement'> }
    const told = Object.fromEntries(listeners.map((listener) => [listener, stored.told[listener] ?? (stored.state === 'active' ? 0 : stored.revision)]))
    alarms.set(stored.id, { ...stored, told })
    if (stored.state === 'active') byRule.set(ruleKey(ruleOf(stored)), stored.id)
  }

  async function save(): Promise<void> {
    const ids = [...dirty]
    if (ids.length === 0) return
    const written = ids.map((id) => alarms.get(id))
    try {
      await buffer.write(ids.map((key, i) => ({ store: 'alarms', key, value: written[i] })))
    } catch (error) {
      onDisk(error)
      return
    }
    // What changed meanwhile is to be written still.
    ids.forEach((id, i) => { if (alarms.get(id) === written[i]) dirty.delete(id) })
    if (dirty.size === 0) onDisk(null)
  }

  async function put(alarm: StoredAlarm): Promise<void> {
    alarms.set(alarm.id, alarm)
    dirty.add(alarm.id)
    await save()
  }
  async function change(alarm: StoredAlarm, by: Partial<LocalAlarm>): Promise<StoredAlarm> {
    const changed = { ...alarm, ...by, revision: alarm.revision + 1 }
    await put(changed)
    onChange(bare(changed))
    return changed
  }
  const find = (rule: RuleName): StoredAlarm | undefined => alarms.get(byRule.get(ruleKey(rule)) ?? '')
  // Few stand or are to be told; thousands may lie there.
  const which = (wanted: (alarm: StoredAlarm) => boolean): StoredAlarm[] => [...alarms.values()].filter(wanted)
  const byTime = (all: Iterable<StoredAlarm>): StoredAlarm[] => [...all].sort((a, b) => a.raisedUs - b.raisedUs || (a.id < b.id ? -1 : 1))

  return {
    standing: (rule) => {
      const alarm = find(rule)
      return alarm && bare(alarm)
    },
    async raise(rule, { sinceUs, numbers, judgement }) {
      const key = ruleKey({ ...rule, of: judgement === undefined ? 'site-file' : 'release' })
      if (byRule.has(key)) return
      const alarm: StoredAlarm = {
        id: `${stem}-${++count}`, revision: 1, asset: rule.asset, rule: rule.name, severity: rule.severity, message: rule.message, recommendedAction: rule.recommendedAction,
        state: 'active', sinceUs: Math.floor(sinceUs), raisedUs: Math.floor(nowUs()), clearedUs: null, because: null, numbers: [...numbers], judgement: judgement ?? null, acknowledged: null,
        told: Object.fromEntries(listeners.map((listener) => [listener, 0])),
      }
      byRule.set(key, alarm.id)
      await put(alarm)
      onChange(bare(alarm))
    },
    async clear(rule, sinceUs, because) {
      const alarm = find(rule)
      if (!alarm) return
      byRule.delete(ruleKey(rule))
      await change(alarm, { state: 'cleared', clearedUs: Math.max(alarm.sinceUs, Math.ceil(sinceUs)), because })
    },
    async acknowledge(id, by, comment) {
      const alarm = alarms.get(id) ?? refuse('not_found', `this gateway has no alarm ${id}; "twinward edge alarms" lists those it has`, { alarm: id })
      if (alarm.acknowledged !== null) return bare(alarm)
      return bare(await change(alarm, { acknowledged: { by, atUs: Math.floor(nowUs()), comment } }))
    },
    list(limit) {
      const newest = byTime(alarms.values()).reverse()
      return newest.filter(({ state }, i) => i < limit || state === 'active').map(bare)
    },
    standingAll: () => byTime(which(({ state }) => state === 'active')).map(bare),
    untold: (listener, limit) => byTime(which(({ revision, told }) => (told[listener] ?? 0) < revision)).slice(0, limit).map(bare),
    async confirm(listener, told) {
      for (const { id, revision } of told) {
        const alarm = alarms.get(id)
        if (!alarm || (alarm.told[listener] ?? 0) >= revision) continue
        alarms.set(id, { ...alarm, told: { ...alarm.told, [listener]: revision } })
        dirty.add(id)
      }
      await save()
    },
    async care() {
      const over = byTime(which(({ state }) => state === 'cleared'))
      const old = over.filter(({ clearedUs }, i) => over.length - i > MOST || (clearedUs ?? 0) < nowUs() - keepUs)
      for (const { id } of old) {
        alarms.delete(id)
        dirty.add(id)
      }
      await save()
    },
  }
}

/** Which rule raised an alarm. */
export const ruleOf = ({ asset, rule, judgement }: Pick<LocalAlarm, 'asset' | 'rule' | 'judgement'>): RuleName => ({ asset, name: rule, of: judgement === null ? 'site-file' : 'release' })

function bare({ told: _told, ...alarm }: StoredAlarm): LocalAlarm {
  return alarm
}
