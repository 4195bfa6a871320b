import type { Metric, Payload } from './payload.ts'

/** What an edge node, or the broker in its place, said. `device` null: the node itself. */
export type NodeMessage =
  | { readonly type: 'birth' | 'data'; readonly device: string | null; readonly payload: Payload }
  | { readonly type: 'death'; readonly device: string | null; readonly payload: Payload }

/** One step of time or of a message. `atMs` never goes back. */
export type NodeInput = { readonly atMs: number; readonly message: NodeMessage | null }

export interface MetricDefinition { readonly name: string; readonly datatype: number }

/** The metrics of a node or a device as its last birth declared them. */
interface Scope {
  readonly byName: ReadonlyMap<string, MetricDefinition>
  /** null: given to two names at once, so it tells neither. */
  readonly byAlias: ReadonlyMap<bigint, MetricDefinition | null>
}

interface Held { readonly atMs: number; readonly seq: number; readonly message: NodeMessage }

export interface NodeState {
  /** `waiting`: no birth yet, or one that no longer holds; `offline`: dead. */
  readonly phase: 'waiting' | 'online' | 'offline'
  readonly bdSeq: bigint | null
  /** Time of the NBIRTH's payload: nothing older belongs to it. */
  readonly bornMs: number | null
  readonly nextSeq: number
  readonly node: Scope | null
  readonly devices: ReadonlyMap<string, Scope>
  /** Devices whose DBIRTH must follow the NBIRTH: until when. */
  readonly owed: ReadonlyMap<string, number>
  /** Came before what should come first; distinct sequence numbers, oldest arrival first. */
  readonly held: readonly Held[]
  /** The last messages taken, to know a doubled one by. */
  readonly recent: readonly { readonly seq: number; readonly timestampMs: number | null }[]
  /** When a rebirth is to be asked for; null: it need not. */
  readonly askAtMs: number | null
  readonly askedAtMs: number
  /** Asked since the last birth. */
  readonly asks: number
}

export interface MetricReading { readonly name: string; readonly datatype: number; readonly metric: Metric }

export type NodeEffect =
  | { readonly kind: 'values'; readonly device: string | null; readonly birth: boolean; readonly timestampMs: number | null; readonly values: readonly MetricReading[] }
  /** Nothing is known any more of the device; null: of the node and all its devices. */
  | { readonly kind: 'lost'; readonly device: string | null }
  | { readonly kind: 'rebirth' }
  /** Readings were missed, or had to be let go because they cannot be told apart: since when. */
  | { readonly kind: 'missed'; readonly sinceMs: number; readonly messages: number }
  | { readonly kind: 'count'; readonly counter: 'sequence_gaps' | 'stale_messages' | 'duplicates' | 'stale_deaths' | 'unknown_metrics' | 'reordered' | 'without_birth' | 'without_seq' }

export interface NodeRules {
  /** Devices that are mapped; the others only count in the sequence. */
  readonly devices: ReadonlySet<string>
  readonly reorderMs: number
  /** The least between two rebirth requests; doubled for each that is not answered, up to `MOST_PATIENCE` times. */
  readonly rebirthMs: number
  /** How long after an NBIRTH its devices may take to be born. */
  readonly devicesMs: number
}

const MOST_HELD = 64
const REMEMBERED = 32
const MOST_PATIENCE = 32

/** A node nobody has heard of: it is asked for its birth once `firstAskMs` has come without one. */
export const unknownNode = (firstAskMs: number | null): NodeState => ({
  phase: 'waiting', bdSeq: null, bornMs: null, nextSeq: 0, node: null, devices: new Map(), owed: new Map(), held: [], recent: [], askAtMs: firstAskMs, askedAtMs: -Infinity, asks: 0,
})

/**
 * One step of the host's side of an edge node (Sparkplug 3.0, chapter 5: sequence numbers, births, deaths, rebirth).
 * Metrics are attributed only while every message since the NBIRTH has been taken in the order of its sequence numbers;
 * anything else is held for a moment, then let go, and a rebirth is asked for.
 */
export function stepNode(state: NodeState, { atMs, message }: NodeInput, rules: NodeRules): { state: NodeState; effects: NodeEffect[] } {
  const effects: NodeEffect[] = []
  let now = message ? take(state, atMs, message, rules, effects) : state
  const [oldest] = now.held
  if (oldest && (atMs - oldest.atMs >= rules.reorderMs || now.held.length > MOST_HELD)) now = giveUp(now, atMs, rules, effects)
  const overdue = [...now.owed].filter(([, untilMs]) => atMs >= untilMs)
  if (overdue.length > 0) {
    for (const [device] of overdue) effects.push({ kind: 'lost', device })
    now = { ...now, owed: new Map([...now.owed].filter(([, untilMs]) => atMs < untilMs)) }
  }
  if (now.askAtMs !== null && atMs >= now.askAtMs) {
    effects.push({ kind: 'rebirth' })
    now = { ...now, askAtMs: null, askedAtMs: atMs, asks: now.asks + 1 }
  }
  return { state: now, effects }
}

function take(state: NodeState, atMs: number, message: NodeMessage, rules: NodeRules, effects: NodeEffect[]): NodeState {
  const { type, device, payload } = message
  if (type === 'birth' && device === null) return nodeBirth(state, atMs, payload, rules, effects)
  if (type === 'death' && device === null) return nodeDeath(state, payload, effects)
  const { seq, timestampMs } = payload
  if (seq === null) {
    effects.push({ kind: 'count', counter: 'without_seq' })
    return ask(state, atMs, rules)
  }
  if (state.phase === 'online') {
    if (state.recent.some((known) => known.seq === seq && known.timestampMs === timestampMs && timestampMs !== null)) {
      effects.push({ kind: 'count', counter: 'duplicates' })
      return state
    }
    if (timestampMs !== null && state.bornMs !== null && timestampMs < state.bornMs) {
      // Of a session before this one, or the node's clock was set back: a new birth settles both.
      effects.push({ kind: 'count', counter: 'stale_messages' })
      return ask(state, atMs, rules)
    }
    if (seq === state.nextSeq) return drain(apply(state, atMs, seq, message, rules, effects), rules, effects)
  }
  // A number that is here twice is of two sessions; the later one counts.
  const twin = state.held.find((held) => held.seq === seq)
  if (twin && (timestampMs ?? 0) <= (twin.message.payload.timestampMs ?? 0)) {
    effects.push({ kind: 'count', counter: 'duplicates' })
    return state
  }
  effects.push({ kind: 'count', counter: state.phase === 'online' ? 'reordered' : 'without_birth' })
  return { ...state, held: [...state.held.filter((held) => held !== twin), { atMs: twin?.atMs ?? atMs, seq, message }] }
}

function nodeBirth(state: NodeState, atMs: number, payload: Payload, rules: NodeRules, effects: NodeEffect[]): NodeState {
  const { timestampMs, metrics, seq } = payload
  if (state.phase === 'online' && timestampMs !== null && state.bornMs !== null) {
    if (timestampMs === state.bornMs && bdSeqOf(payload) === state.bdSeq) {
      effects.push({ kind: 'count', counter: 'duplicates' })
      return state
    }
    // Unless one was asked for: then an earlier time means a clock that was set back.
    if (timestampMs < state.bornMs && state.asks === 0) {
      effects.push({ kind: 'count', counter: 'stale_messages' })
      return ask(state, atMs, rules)
    }
  }
  const node = scopeOf(metrics)
  const isOfThisSession = ({ message }: NodeState['held'][number]) => timestampMs === null || (message.payload.timestampMs ?? timestampMs) >= timestampMs
  // What waited for a birth and is older than this one can never be told apart any more.
  const before = state.held.filter((held) => !isOfThisSession(held))
  if (before.length > 0) effects.push({ kind: 'missed', sinceMs: Math.min(...before.map((held) => held.atMs)), messages: before.length })
  effects.push({ kind: 'values', device: null, birth: true, timestampMs, values: valuesOf(node, metrics).values })
  const born: NodeState = {
    ...state, phase: 'online', bdSeq: bdSeqOf(payload), bornMs: timestampMs, nextSeq: ((seq ?? 0) + 1) % 256, node, devices: new Map(),
    owed: new Map([...rules.devices].map((device) => [device, atMs + rules.devicesMs])), recent: [], askAtMs: null, asks: 0,
    held: state.held.filter(isOfThisSession),
  }
  return drain(born, rules, effects)
}

function nodeDeath(state: NodeState, payload: Payload, effects: NodeEffect[]): NodeState {
  const bdSeq = bdSeqOf(payload)
  if (state.phase === 'online' && bdSeq !== null && state.bdSeq !== null && bdSeq !== state.bdSeq) {
    // The will of a connection before this one, late.
    effects.push({ kind: 'count', counter: 'stale_deaths' })
    return state
  }
  if (state.phase !== 'offline') effects.push({ kind: 'lost', device: null })
  return { ...state, phase: 'offline', node: null, devices: new Map(), owed: new Map(), held: [], recent: [], askAtMs: null, bdSeq }
}

function apply(state: NodeState, atMs: number, seq: number, message: NodeMessage, rules: NodeRules, effects: NodeEffect[]): NodeState {
  const { type, device, payload } = message
  const { timestampMs, metrics } = payload
  const next: NodeState = { ...state, nextSeq: (seq + 1) % 256, recent: [...state.recent.slice(1 - REMEMBERED), { seq, timestampMs }] }
  if (device !== null && !rules.devices.has(device)) return next
  if (type === 'data') {
    const scope = device === null ? next.node : next.devices.get(device)
    if (!scope) {
      effects.push({ kind: 'count', counter: 'without_birth' }, { kind: 'missed', sinceMs: atMs, messages: 1 })
      return ask(next, atMs, rules)
    }
    const { values, unknown } = valuesOf(scope, metrics)
    if (values.length > 0) effects.push({ kind: 'values', device, birth: false, timestampMs, values })
    for (let i = 0; i < unknown; i++) effects.push({ kind: 'count', counter: 'unknown_metrics' })
    return unknown > 0 ? ask(next, atMs, rules) : next
  }
  if (device === null) return next
  const owed = new Map(next.owed)
  owed.delete(device)
  const devices = new Map(next.devices)
  if (type === 'death') {
    effects.push({ kind: 'lost', device })
    devices.delete(device)
    return { ...next, devices, owed }
  }
  const scope = scopeOf(metrics)
  devices.set(device, scope)
  effects.push({ kind: 'values', device, birth: true, timestampMs, values: valuesOf(scope, metrics).values })
  return { ...next, devices, owed }
}

/** Takes what was held and is next now. */
function drain(state: NodeState, rules: NodeRules, effects: NodeEffect[]): NodeState {
  let now = state
  for (;;) {
    const found = now.held.find(({ seq }) => seq === now.nextSeq)
    if (!found) return now
    now = apply({ ...now, held: now.held.filter((held) => held !== found) }, found.atMs, found.seq, found.message, rules, effects)
  }
}

function giveUp(state: NodeState, atMs: number, rules: NodeRules, effects: NodeEffect[]): NodeState {
  effects.push({ kind: 'missed', sinceMs: state.held[0]?.atMs ?? atMs, messages: state.held.length })
  if (state.phase === 'online') effects.push({ kind: 'count', counter: 'sequence_gaps' }, { kind: 'lost', device: null })
  return ask({ ...state, phase: 'waiting', node: null, devices: new Map(), owed: new Map(), held: [], recent: [] }, atMs, rules)
}

function ask(state: NodeState, atMs: number, { rebirthMs }: NodeRules): NodeState {
  const earliest = state.askedAtMs + rebirthMs * Math.min(2 ** Math.max(0, state.asks - 1), MOST_PATIENCE)
  return { ...state, askAtMs: Math.min(state.askAtMs ?? Infinity, Math.max(atMs, earliest)) }
}

function scopeOf(metrics: readonly Metric[]): Scope {
  const byName = new Map<string, MetricDefinition>()
  const byAlias = new Map<bigint, MetricDefinition | null>()
  for (const { name, alias, datatype } of metrics) {
    if (name === null) continue
    const definition = { name, datatype: datatype ?? 0 }
    byName.set(name, definition)
    if (alias !== null) {
      const other = byAlias.get(alias)
      byAlias.set(alias, other === undefined || other?.name === name ? definition : null)
    }
  }
  return { byName, byAlias }
}

function valuesOf({ byName, byAlias }: Scope, metrics: readonly Metric[]): { values: MetricReading[]; unknown: number } {
  const values: MetricReading[] = []
  let unknown = 0
  for (const metric of metrics) {
    const named = metric.name === null ? undefined : byName.get(metric.name)
    const aliased = metric.alias === null ? undefined : byAlias.get(metric.alias)
    // With both given they must mean the same.
    const agreed = metric.name === null ? aliased : metric.alias === null || byAlias.size === 0 || aliased?.name === metric.name || aliased === null ? named : undefined
    if (agreed) values.push({ ...agreed, metric })
    else unknown++
  }
  return { values, unknown }
}

function bdSeqOf({ metrics }: Payload): bigint | null {
  const value = metrics.find(({ name }) => name === 'bdSeq')?.value
  return value?.field === 'int' || value?.field === 'long' ? BigInt(value.value) : null
}
