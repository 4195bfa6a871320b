import type { CommandOutcome, GatewayCommand } from '../registry/domain/contract/gateway-report.ts'
import { DomainError } from '../registry/domain/errors.ts'

/**
 * Orders that may be carried out again without harm, each in a moment: nothing of them is kept over a restart, since the
 * platform gives them again until it has heard what came of them.
 */
export interface Orders {
  /** Begins it, unless it is begun already. */
  take(command: GatewayCommand): void
  outcomes(): CommandOutcome[]
  /** The platform no longer asks for anything but these. */
  forgetAllBut(ids: readonly string[]): void
}

export interface OrdersOptions {
  /** What is done for an order, and what is to be said of it; refusals are told as they are. */
  readonly carryOut: (command: GatewayCommand) => Promise<string | null>
  /** An order has come to its end. */
  readonly onEnd: () => void
  /** It failed for no reason of its own, and is tried again when it is given again. */
  readonly onTrouble: (error: unknown, command: GatewayCommand) => void
}

export function createOrders({ carryOut, onEnd, onTrouble }: OrdersOptions): Orders {
  const known = new Map<string, CommandOutcome>()

  async function begin(command: GatewayCommand): Promise<void> {
    const { id } = command
    try {
      known.set(id, { id, state: 'done', rows: 0, detail: (await carryOut(command))?.slice(0, 500) ?? null })
    } catch (error) {
      if (!(error instanceof DomainError) || error.code === 'unavailable') {
        known.delete(id)
        onTrouble(error, command)
        return
      }
      known.set(id, { id, state: 'refused', rows: 0, detail: error.message.slice(0, 500) })
    }
    onEnd()
  }

  return {
    take(command) {
      if (known.has(command.id)) return
      known.set(command.id, { id: command.id, state: 'accepted', rows: 0, detail: null })
      void begin(command)
    },
    outcomes: () => [...known.values()].slice(0, 100),
    forgetAllBut(ids) {
      for (const [id, { state }] of known) if (state !== 'accepted' && !ids.includes(id)) known.delete(id)
    },
  }
}
