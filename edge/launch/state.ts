/** The program that the launcher was installed with; every other has the name of its folder. */
export const INSTALLED = 'installed'

/** A program that somebody wants to run from now on: it lies whole in its folder. */
export interface Wish {
  /** Random: wishing for the same program again is another wish. */
  readonly id: string
  readonly name: string
  /** Whether what runs now could go on with the buffer as this one leaves it. */
  readonly wayBack: boolean
}

export interface Trial extends Wish {
  /** Starts of it that are on disk: each is counted before it is made. */
  readonly attempts: number
  /** What became of the last one, when it is known. */
  readonly why: string | null
}

/** What became of the last wish. */
export interface LastUpdate {
  readonly id: string
  readonly name: string
  readonly outcome: 'confirmed' | 'rolled_back'
  readonly why: string | null
  readonly atMs: number
}

/** Which program is in force, and what is being tried. It changes as a whole, on disk, before anything is done by it. */
export interface LaunchState {
  readonly inForce: string
  /** In force before that: should the newest be damaged on this disk. */
  readonly former: string | null
  readonly trial: Trial | null
  readonly last: LastUpdate | null
}

export const firstState: LaunchState = { inForce: INSTALLED, former: null, trial: null, last: null }

/** So many starts that end before they are well: then it goes back. */
export const MOST_ATTEMPTS = 3

/** What is wished for is tried next, and takes the place of what is being tried; a wish that has been dealt with is none. */
export function takeWish(state: LaunchState, wish: Wish | null): LaunchState {
  if (wish === null || wish.id === state.trial?.id || wish.id === state.last?.id) return state
  if (wish.name === state.inForce) return state.trial === null ? state : { ...state, trial: null }
  const { id, name, wayBack } = wish
  return { ...state, trial: { id, name, wayBack, attempts: 0, why: null } }
}

export interface Choice {
  /** To be on disk before it is started. */
  readonly state: LaunchState
  readonly run: string
  /** Whether it has to show that it is well. */
  readonly trial: boolean
}

/** What to start now. @param isSound whether a program lies in its folder as it was signed; the installed one is not asked */
export function chooseProgram(state: LaunchState, isSound: (name: string) => boolean, atMs: number): Choice {
  const { trial } = state
  if (trial !== null) {
    if (!isSound(trial.name)) return chooseProgram(rollBack(state, 'its files are damaged on this disk, or gone', atMs), isSound, atMs)
    if (trial.attempts >= MOST_ATTEMPTS && trial.wayBack) return chooseProgram(rollBack(state, tooOften(trial), atMs), isSound, atMs)
    return { state: { ...state, trial: { ...trial, attempts: Math.min(trial.attempts, MOST_ATTEMPTS) + 1 } }, run: trial.name, trial: true }
  }
  const candidates = [state.inForce, ...(state.former === null ? [] : [state.former])]
  const run = candidates.find((name) => name === INSTALLED || isSound(name)) ?? INSTALLED
  return { state, run, trial: false }
}

/** What was tried is well: it is in force, and what was before it stays at hand. */
export function confirmed(state: LaunchState, atMs: number): LaunchState {
  const { trial } = state
  if (trial === null) return state
  return { inForce: trial.name, former: state.inForce, trial: null, last: { id: trial.id, name: trial.name, outcome: 'confirmed', why: null, atMs } }
}

/** What was tried has ended by itself. */
export function died(state: LaunchState, why: string, atMs: number): LaunchState {
  const { trial } = state
  if (trial === null) return state
  const next = { ...state, trial: { ...trial, why } }
  return trial.attempts >= MOST_ATTEMPTS && trial.wayBack ? rollBack(next, tooOften(next.trial), atMs) : next
}

/** What was tried runs, and is not well within its time. */
export function notWell(state: LaunchState, why: string, atMs: number): LaunchState {
  return state.trial?.wayBack === true ? rollBack(state, why, atMs) : died(state, why, atMs)
}

/** Somebody stopped it in order: that attempt says nothing. */
export function spared(state: LaunchState): LaunchState {
  const { trial } = state
  return trial === null ? state : { ...state, trial: { ...trial, attempts: Math.max(0, trial.attempts - 1) } }
}

/** Programs whose files must stay. */
export const inUse = ({ inForce, former, trial }: LaunchState, wish: Wish | null): Set<string> =>
  new Set([inForce, ...(former === null ? [] : [former]), ...(trial === null ? [] : [trial.name]), ...(wish === null ? [] : [wish.name])])

/** `0.3.1-1a2b3c4d` is version 0.3.1. */
export const versionOf = (name: string): string => name.replace(/-[0-9a-f]{8}$/, '')

function rollBack(state: LaunchState, why: string, atMs: number): LaunchState {
  const { trial } = state
  if (trial === null) return state
  return { ...state, trial: null, last: { id: trial.id, name: trial.name, outcome: 'rolled_back', why: why.slice(0, 300), atMs } }
}

const tooOften = ({ why }: Trial): string => `${MOST_ATTEMPTS} starts ended before it was well${why === null ? ', by power cuts or kills' : `; the last: ${why}`}`
