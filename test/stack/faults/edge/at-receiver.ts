import { setTimeout as sleep } from 'node:timers/promises'
import type { MqttConnection } from '../../../../infra/config.ts'
import { laneOf } from '../../../../registry/domain/contract/batch.ts'
import { assertBalanced, balance, runsOf, type Balance, type LedgerEntry, type SourceAccount, type StoredRun } from '../../../helpers/accounts.ts'
import { startReceiver, type Receiver } from '../../../helpers/receiver.ts'
import { startReportDesk, type ReportDesk } from '../../../helpers/report-desk.ts'

/** Stands in for the platform where it would take too long: keeps what it acknowledged, and the ledger it was told. */
export interface StandIn {
  readonly receiver: Receiver
  readonly desk: ReportDesk
  ledger(): LedgerEntry[]
  /** Waits until the accounts balance, then asserts it. */
  settled(sources: readonly SourceAccount[], options?: { limitMs?: number }): Promise<Balance>
  /** Waits until the ledger names this cause, with an end to each of its gaps. */
  named(cause: LedgerEntry['cause']): Promise<void>
  close(): Promise<void>
}

/** @param repeats a reading that comes again in another batch is ignored, as the platform does, instead of counted as a duplicate */
export async function standIn(mqtt: MqttConnection, site: string, { gateway = 'gw-1', repeats = false } = {}): Promise<StandIn> {
  const [receiver, desk] = await Promise.all([startReceiver(mqtt, site, gateway), startReportDesk(mqtt, site, gateway)])
  const ledger = () => [...desk.gaps.values()].map(({ cause, tag, fromUs, toUs, lost }) => ({ cause, tag, fromUs, toUs, lost }))
  return {
    receiver, desk, ledger,
    async settled(sources, { limitMs = 30_000 } = {}) {
      const accounts = () => ({ sources, ledger: ledger(), ...storedAt(receiver, repeats) })
      for (const endMs = performance.now() + limitMs; performance.now() < endMs; await sleep(200)) {
        if (balance(accounts()).problems.length === 0) break
      }
      return assertBalanced(accounts())
    },
    async named(cause) {
      for (;;) {
        const gaps = ledger().filter((gap) => gap.cause === cause)
        if (gaps.length > 0 && gaps.every(({ toUs }) => toUs !== null)) return
        await sleep(50)
      }
    },
    async close() { await Promise.all([receiver.close(), desk.close()]) },
  }
}

/**
 * As the platform takes batches in: epoch after epoch, in the order of their numbers. A reading that comes in a second batch
 * shows a source that lost its place and gives again.
 */
function storedAt({ batches }: Receiver, repeats: boolean): { stored: StoredRun[]; givenAgain: boolean } {
  const epochs = [...new Set([...batches.values()].map(({ batch }) => batch.header.epoch))]
  const order = [...batches.values()].map(({ batch }) => batch).sort((a, b) => epochs.indexOf(a.header.epoch) - epochs.indexOf(b.header.epoch) || a.header.sequence - b.header.sequence)
  const numbers = new Map<string, number[]>()
  const known = new Set<string>()
  let givenAgain = false
  const add = (tag: string, lane: string, raw: number) => {
    if (Number.isNaN(raw)) return
    if (repeats && known.has(`${tag} ${raw}`)) {
      givenAgain = true
      return
    }
    if (repeats) known.add(`${tag} ${raw}`)
    const key = `${lane} ${tag}`
    const there = numbers.get(key)
    if (there) there.push(raw)
    else numbers.set(key, [raw])
  }
  for (const batch of order) {
    const lane = laneOf(batch.header.mode)
    if (batch.kind === 'waveforms') for (const { tag, samples } of batch.rows) add(tag, lane, samples[0] ?? NaN)
    else for (let i = 0; i < batch.columns.tag.length; i++) add(batch.columns.tags[batch.columns.tag[i] ?? -1] ?? '', lane, batch.columns.raw[i] ?? NaN)
  }
  const stored = [...numbers].flatMap(([key, raws]) => {
    const [lane = '', tag = ''] = key.split(' ')
    return runsOf(raws).map((run) => ({ ...run, tag, lane }))
  })
  return { stored, givenAgain }
}
