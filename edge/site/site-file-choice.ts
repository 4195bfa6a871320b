import { readFile } from 'node:fs/promises'
import type { GatewayStatus } from '../../registry/domain/contract/gateway-report.ts'
import type { OrderedFiles } from '../configure/ordered-files.ts'
import { chooseOrdered, confirmed, damaged, rolledBack, spared, type OrderedState, type OrderedTrial } from '../configure/state.ts'
import { digestOf, type LastGood } from './last-good.ts'

/** A state of the site file that is to be run by. */
export interface ChosenSiteFile {
  /** Undefined: the file at its path cannot be read. */
  readonly text: string | undefined
  readonly from: 'file' | 'order'
  /** It has to show that it is well. */
  readonly trial: boolean
  /** Another one, or the same on other terms, has another key. */
  readonly key: string
}

/**
 * Which site file counts: the one at its path, or the one that the platform ordered over it, for as long as nobody edits that.
 * Everything about an order is on disk before it is done.
 */
export interface SiteFileChoice {
  /** @param runBy key of what runs now; a start with what is tried is counted */
  choose(runBy: string | undefined): Promise<ChosenSiteFile>
  confirm(): void
  rollBack(why: string): void
  /** The gateway is stopped in order. */
  spare(): void
  /** What there was when that which is tried was ordered: a connection, sources that worked. */
  before(): Pick<OrderedTrial, 'connected' | 'worked'>
  /** What became of the last order; undefined where none can be taken. */
  last(): NonNullable<GatewayStatus['siteFile']>['last']
  /** What was rolled back over the file that still lies there, for a person. */
  trouble(): string | null
}

export interface SiteFileChoiceOptions {
  readonly file: string
  readonly ordered: OrderedFiles | undefined
  readonly lastGood: LastGood
  /** The disk takes no writes. */
  readonly onUnkept: (error: unknown) => void
}

export function createSiteFileChoice({ file, ordered, lastGood, onUnkept }: SiteFileChoiceOptions): SiteFileChoice {
  /** Digest of what lay at its path when it was looked at last. */
  let lies: string | undefined

  /** False when it is not on disk: it holds until this process ends. */
  function keep(state: OrderedState): boolean {
    try {
      ordered?.keepState(state)
      return true
    } catch (error) {
      onUnkept(error)
      return false
    }
  }
  const change = (to: (state: OrderedState) => OrderedState) => { if (ordered) keep(to(ordered.state())) }
  const rollBack = (why: string) => { change((state) => rolledBack(state, why, Date.now())) }

  async function choose(runBy: string | undefined): Promise<ChosenSiteFile> {
    const atPath = await textOf(file)
    lies = atPath === undefined ? undefined : digestOf(atPath)
    const byFile: ChosenSiteFile = { text: atPath, from: 'file', trial: false, key: `file ${lies ?? 'none'}` }
    if (!ordered) return byFile
    const before = ordered.state()
    const begins = before.trial !== null && trialKey(before.trial) !== runBy
    const { state, run, trial } = chooseOrdered(before, lies ?? null, begins, Date.now())
    if (!keep(state) && trial) {
      rollBack('its start could not be noted: the disk takes no writes')
      return choose(runBy)
    }
    if (run === null) return byFile
    const text = ordered.textOf(run) ?? await keptAs(run)
    if (text !== undefined) return { text, from: 'order', trial, key: trial && state.trial ? trialKey(state.trial) : `order ${run}` }
    change((lost) => (trial ? rolledBack : damaged)(lost, DAMAGED, Date.now()))
    return choose(runBy)
  }

  async function keptAs(digest: string): Promise<string | undefined> {
    const text = await lastGood.read()
    return text !== undefined && digestOf(text) === digest ? text : undefined
  }

  return {
    choose, rollBack,
    confirm() { change((state) => confirmed(state, Date.now())) },
    spare() { change(spared) },
    before: () => ({ connected: ordered?.state().trial?.connected ?? false, worked: ordered?.state().trial?.worked ?? [] }),
    last() {
      if (!ordered) return undefined
      const { last } = ordered.state()
      return last && { id: last.id, digest: last.digest, outcome: last.outcome, why: last.why }
    },
    trouble() {
      const { last = null } = ordered?.state() ?? {}
      return last?.outcome === 'rolled_back' && (lies === undefined || lies === last.over) ? `the ordered site file ${last.digest.slice(0, 8)} was rolled back: ${last.why ?? 'it was not well'}; the former one is in force. Order one that is mended` : null
    },
  }
}

const DAMAGED = 'its text is damaged on this disk, or gone'
const trialKey = ({ id, digest }: { readonly id: string; readonly digest: string }) => `trial ${id} ${digest}`
const textOf = (file: string) => readFile(file, 'utf8').catch(() => undefined)
