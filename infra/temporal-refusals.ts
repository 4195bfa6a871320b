import type { ActivityInterceptorsFactory } from '@temporalio/worker'
import { toApplicationFailure } from '../activities/refusals.ts'

/** Around every activity of every Worker: a DomainError leaves it as a Temporal failure of the same code. */
export const refusals: ActivityInterceptorsFactory = () => ({
  inbound: {
    async execute(input, next) {
      try {
        return await next(input)
      } catch (error) {
        throw toApplicationFailure(error)
      }
    },
  },
})
