import type { ServiceContext } from '../registry/services/context.ts'
import { tendAlert, type AlertTended } from '../registry/services/tend-alert.ts'

export interface AlertActivities {
  /** Does what the wall clock made due, and says when to come again. */
  tendAlert(input: { site: string; alertId: string }): Promise<AlertTended>
}

export function createAlertActivities(ctx: Pick<ServiceContext, 'pool' | 'nowUs'>): AlertActivities {
  return {
    tendAlert: ({ site, alertId }) => tendAlert(ctx, { site, alert: alertId }),
  }
}
