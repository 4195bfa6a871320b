import { ruleKey, type AlarmRule, type Condition, type TagCondition } from '../alarms/rule.ts'
import { suggest, type Problem } from '../schema-problems.ts'
import type { AlarmsOfSite, ConditionOfSite, MissingOfSite, RangeOfSite, RateOfSite, RuleOfSite } from './alarm-schema.ts'
import { describeMs } from './describe.ts'
import type { SiteTag } from './tags.ts'

type Say = (path: readonly PropertyKey[], message: string) => void

/**
 * The rules of a site file, one for each machine where a rule serves machines alike. What is wrong goes to `problems`: tags that
 * are not there, and rules that could never be raised, or never be over.
 */
export function readRules({ rules, to }: AlarmsOfSite, tags: readonly SiteTag[], templates: readonly string[], problems: Problem[]): AlarmRule[] {
  const out: AlarmRule[] = []
  const places = new Map<string, number>()
  for (const [index, rule] of rules.entries()) {
    const path = ['alarms', 'rules', index]
    const say: Say = (place, message) => { problems.push({ path: [...path, ...place], message }) }
    for (const made of machinesOf(rule, tags, templates, say)) {
      const before = places.get(ruleKey(made))
      if (before === undefined) out.push(made)
      else say(['name'], `${made.asset} has a rule "${made.name}" already (the ${before + 1}. of the list); give one of them another name`)
      places.set(ruleKey(made), index)
    }
  }
  const ids = to.map(({ id }) => id)
  ids.forEach((id, index) => { if (ids.indexOf(id) !== index) problems.push({ path: ['alarms', 'to', index, 'id'], message: `there are two outputs "${id}"; give one of them another id` }) })
  return out
}

function machinesOf(rule: RuleOfSite, tags: readonly SiteTag[], templates: readonly string[], say: Say): AlarmRule[] {
  const { name, like, onDelay, offDelay, severity, message = name.replaceAll('-', ' '), action = null } = rule
  const made = (asset: string, when: Condition): AlarmRule => ({ asset, name, when, onDelayUs: onDelay * 1000, offDelayUs: offDelay * 1000, severity, message, recommendedAction: action })
  if (like === undefined) {
    const byTag = new Map(tags.map((tag) => [tag.tag, tag]))
    const find = ({ tag }: { tag?: string | undefined }, path: readonly PropertyKey[]): SiteTag | null => {
      if (tag === undefined) say([...path, 'role'], 'a role is of a template; say whose: like: TEMPLATE, or name a tag')
      else if (!byTag.has(tag)) say([...path, 'tag'], `there is no tag "${tag}"${suggest(tag, [...byTag.keys()])}`)
      return byTag.get(tag ?? '') ?? null
    }
    const read = readCondition(rule.when, ['when'], find, say)
    const asset = rule.asset ?? read?.first.asset
    return read && asset !== undefined ? [made(asset, read.condition)] : []
  }
  if (rule.asset !== undefined) say(['asset'], 'a rule for machines alike is that of each machine; leave asset out')
  if (!templates.includes(like)) {
    say(['like'], `there is no template "${like}"${suggest(like, templates)}`)
    return []
  }
  const alike = tags.filter((tag) => tag.like === like)
  const known = [...new Set(alike.map(({ role }) => role))]
  const unknown = new Set<string>()
  return [...new Set(alike.map(({ asset }) => asset))].flatMap((asset, nth) => {
    // What is wrong with the rule is wrong for every machine, and said once.
    const once: Say = (place, text) => { if (nth === 0) say(place, text) }
    let lacks = false
    const find = ({ role }: { role?: string | undefined }, path: readonly PropertyKey[]): SiteTag | null => {
      if (role === undefined) once([...path, 'tag'], 'a rule with like: speaks of roles; write role: instead of tag:')
      else if (!known.includes(role)) {
        if (!unknown.has(role)) say([...path, 'role'], `no machine like "${like}" has the role "${role}"${suggest(role, known)}`)
        unknown.add(role)
      }
      const found = alike.find((tag) => tag.asset === asset && tag.role === role) ?? null
      if (found === null) lacks = true
      return found
    }
    const read = readCondition(rule.when, ['when'], find, once)
    // A machine without such an instrument cannot have the rule.
    return read && !lacks ? [made(asset, read.condition)] : []
  })
}

type Find = (whose: { tag?: string | undefined; role?: string | undefined }, path: readonly PropertyKey[]) => SiteTag | null

function readCondition(when: ConditionOfSite, path: readonly PropertyKey[], find: Find, say: Say): { condition: Condition; first: SiteTag } | null {
  const kind = 'all' in when ? 'all' : 'any' in when ? 'any' : null
  if (kind !== null) {
    const parts = ('all' in when ? when.all : 'any' in when ? when.any : []).map((part, i) => readCondition(part, [...path, kind, i], find, say))
    const read = parts.filter((part) => part !== null)
    const [head] = read
    return head && read.length === parts.length ? { condition: { kind, of: read.map(({ condition }) => condition) }, first: head.first } : null
  }
  const of = when as RangeOfSite | RateOfSite | MissingOfSite
  const tag = find(of, path)
  if (tag === null) return null
  if (tag.kind === 'waveform') say(path, `${tag.tag} is a waveform and has no value to compare; name a scalar tag`)
  const condition = tagCondition(of, tag)
  const wrong = neverEnds(condition, tag)
  if (wrong !== null) say(path, wrong)
  return { condition, first: tag }
}

function tagCondition(of: RangeOfSite | RateOfSite | MissingOfSite, { tag }: SiteTag): TagCondition {
  if ('missing' in of) return { kind: 'missing', tag, afterUs: of.missing * 1000 }
  if ('over' in of) return { kind: 'rate', tag, rises: of.rises ?? null, falls: of.falls ?? null, overUs: of.over * 1000, deadband: of.deadband ?? 0 }
  return { kind: 'range', tag, above: of.above ?? null, below: of.below ?? null, deadband: of.deadband }
}

/** Why an alarm of this condition would stand for ever, or never; null: it is one that comes and goes. */
function neverEnds(condition: TagCondition, { tag, range, every }: SiteTag): string | null {
  if (condition.kind === 'missing') {
    const afterMs = condition.afterUs / 1000
    if (every !== undefined && afterMs <= every) return `missing ${describeMs(afterMs)} is not longer than ${tag} is read (every ${describeMs(every)}): it would always stand; make it several times as long`
    return null
  }
  if (condition.kind === 'rate') {
    const limit = Math.min(condition.rises ?? Infinity, condition.falls ?? Infinity)
    return condition.deadband >= limit ? `the deadband ${condition.deadband}/s reaches to standing still: it would never end; make it smaller than ${limit}/s` : null
  }
  const { above, below, deadband } = condition
  const [high, low] = [above === null ? Infinity : above - deadband, below === null ? -Infinity : below + deadband]
  if (low > high) return `above ${above ?? ''} and below ${below ?? ''} with the deadband ${deadband} leave no value at which it is over: it would never end; make the deadband smaller than ${((above ?? 0) - (below ?? 0)) / 2}`
  if (range === undefined) return null
  if (high < range.low || low > range.high || (above !== null && above < range.low) || (below !== null && below > range.high)) {
    return `${tag} gives ${range.low} to ${range.high}, and never one at which it is over (${[...below === null ? [] : [`from ${low}`], ...above === null ? [] : [`to ${high}`]].join(' ')}): it would never end; change the limit or the deadband`
  }
  if ((above === null || above >= range.high) && (below === null || below <= range.low)) return `${tag} gives ${range.low} to ${range.high}, which never breaks the limit: it would never be raised; change the limit, or the tag's range`
  return null
}
