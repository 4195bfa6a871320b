import { platformActor } from '../../domain/access/rights.ts'
import { lockGate } from '../../store/gates.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { closeGate } from './gate-closing.ts'

/** Ends a gate that cannot be decided on (its evidence cannot be collected), saying why. A closed one stays as it is. */
export async function voidGate(ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, input: { site: string; gate: string; because: string }): Promise<void> {
  await inSite(ctx.pool, input.site, async (tx) => {
    const row = await lockGate(tx, input.gate)
    if (row.state !== 'collecting' && row.state !== 'open') return
    await closeGate(tx, row, { state: 'voided', by: platformActor('gates'), because: input.because, nowUs: ctx.nowUs() })
  })
}
