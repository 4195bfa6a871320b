/** How a rollout ended, as a colour. */
export const ENDED = { completed: 'good', stopped: 'high', 'rolled-back': 'high', superseded: 'closed' } as const
