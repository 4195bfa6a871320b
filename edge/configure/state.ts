/** A site file that the platform ordered. */
export interface Ordered {
  /** Of the order. */
  readonly id: string
  /** SHA-256 over its text, by which it lies on the disk. */
  readonly digest: string
  /** The file at its path that it was ordered over: it counts as long as nobody edits that one. */
  readonly over: string
}

export interface OrderedTrial extends Ordered {
  /** Starts with it that are on disk: each is counted before it is made. */
  readonly attempts: number
  /** Whether there was a connection to the platform when it was ordered: then there has to be one with it, too. */
  readonly connected: boolean
  /** Sources that worked when it was ordered, by id: those that it has, too, have to work with it. */
  readonly worked: readonly string[]
}

/** What became of the last order. */
export interface LastOrdered extends Ordered {
  readonly outcome: 'confirmed' | 'rolled_back' | 'gave_way'
  readonly why: string | null
  readonly atMs: number
}

/** Which ordered site file is in force, and which is being tried. It changes as a whole, on disk, before anything is done by it. */
export interface OrderedState {
  readonly inForce: Ordered | null
  readonly trial: OrderedTrial | null
  readonly last: LastOrdered | null
}

export const firstState: OrderedState = { inForce: null, trial: null, last: null }

/** So many starts that end before it is well: then the former one is in force again. */
export const MOST_ATTEMPTS = 3

/** It is tried next. An order that was dealt with, or is being tried, is not taken again. */
export function takeOrder(state: OrderedState, order: Ordered & Pick<OrderedTrial, 'connected' | 'worked'>): OrderedState {
  if (order.id === state.trial?.id || order.id === state.last?.id) return state
  return { ...state, trial: { ...order, attempts: 0 } }
}

export interface OrderedChoice {
  /** To be on disk before it is run by. */
  readonly state: OrderedState
  /** Digest of the ordered site file to run by; null: the file at its path counts. */
  readonly run: string | null
  readonly trial: boolean
}

/**
 * What to run by now.
 * @param atPath digest of the file at its path; null where there is none, which is no edit
 * @param begins whether this is a start with it: each is counted
 */
export function chooseOrdered(state: OrderedState, atPath: string | null, begins: boolean, atMs: number): OrderedChoice {
  const { trial, inForce } = state
  const edited = ({ over }: Ordered) => atPath !== null && atPath !== over
  if (trial !== null) {
    if (edited(trial)) return chooseOrdered(end(state, trial, 'gave_way', EDITED, atMs), atPath, begins, atMs)
    if (!begins) return { state, run: trial.digest, trial: true }
    if (trial.attempts >= MOST_ATTEMPTS) return chooseOrdered(rolledBack(state, `${MOST_ATTEMPTS} starts ended before it was well`, atMs), atPath, begins, atMs)
    return { state: { ...state, trial: { ...trial, attempts: trial.attempts + 1 } }, run: trial.digest, trial: true }
  }
  if (inForce !== null && edited(inForce)) return { state: gone(state, 'gave_way', EDITED, atMs), run: null, trial: false }
  return { state, run: inForce?.digest ?? null, trial: false }
}

const EDITED = 'somebody changed the site file at the box, and that one counts from then on'

/** What was tried is well: it is in force. */
export function confirmed(state: OrderedState, atMs: number): OrderedState {
  const { trial } = state
  if (trial === null) return state
  const { id, digest, over } = trial
  return { ...end(state, trial, 'confirmed', null, atMs), inForce: { id, digest, over } }
}

/** What was tried is not well, or cannot be started with: the former one counts again. */
export const rolledBack = (state: OrderedState, why: string, atMs: number): OrderedState => (state.trial === null ? state : end(state, state.trial, 'rolled_back', why, atMs))

/** The text of what is in force cannot be read back: the file at its path counts. */
export const damaged = (state: OrderedState, why: string, atMs: number): OrderedState => gone(state, 'rolled_back', why, atMs)

/** Somebody stopped the gateway in order: that attempt says nothing. */
export const spared = (state: OrderedState): OrderedState => (state.trial === null ? state : { ...state, trial: { ...state.trial, attempts: Math.max(0, state.trial.attempts - 1) } })

/** Texts that must stay. */
export const inUse = ({ inForce, trial }: OrderedState): Set<string> => new Set([inForce, trial].flatMap((one) => (one === null ? [] : [one.digest])))

/** What was in force is so no more. Told as the end of the last order if it came by that one: the end of a later one is not told over. */
function gone(state: OrderedState, outcome: LastOrdered['outcome'], why: string, atMs: number): OrderedState {
  const { inForce, last } = state
  if (inForce === null) return state
  return { ...(last === null || last.id === inForce.id ? end(state, inForce, outcome, why, atMs) : state), inForce: null }
}

const end = (state: OrderedState, { id, digest, over }: Ordered, outcome: LastOrdered['outcome'], why: string | null, atMs: number): OrderedState =>
  ({ ...state, trial: null, last: { id, digest, over, outcome, why: why?.slice(0, 300) ?? null, atMs } })
