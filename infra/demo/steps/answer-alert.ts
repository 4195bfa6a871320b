import type { Demo } from '../context.ts'
import { waitFor } from '../wait.ts'

export interface AlertView { id: string; asset: string; rule: string; severity: string; state: string; scoreId: string; raisedAt: string; failureMode: string | null; escalationLevel: number; workOrder: { number: string } | null; release: string }

/** The bearing's alert: paged by webhook, escalated when nobody answered, acknowledged, worked on, closed with what was found. */
export async function answerAlert({ people, narrator, plant, truth, hooks, platform }: Demo): Promise<AlertView> {
  const site = plant.site
  const alert = await waitFor('the alert of the worn bearing', async () => {
    const { items } = await people.omar.get<{ items: AlertView[] }>('/v1/alerts', { site, asset: truth.bearing.asset, limit: 100 })
    return items.find((one) => one.rule === 'bearing-wear')
  })
  narrator.say(`${alert.asset}: ${alert.rule} (${alert.severity}, failure mode ${alert.failureMode ?? '–'}), raised at plant time ${alert.raisedAt.slice(0, 16)}.`)
  narrator.look(`${platform.url}/alerts/${alert.id}`)
  const raised = await waitFor('the webhook to call the maintenance team', async () => hooks.received.find((hook) => hook.type === 'alert.raised' && hook.body.includes(alert.id)))
  if (raised.signature === null) throw new Error('The webhook came without a signature.')
  narrator.say('The maintenance team was called by webhook, signed (HMAC-SHA-256).')
  await waitFor('the escalation', async () => (await people.omar.get<AlertView>(`/v1/alerts/${alert.id}`, { site })).escalationLevel > 0 || undefined)
  narrator.say('Nobody answered in time: escalated to the shift lead.')
  await people.omar.post(`/v1/alerts/${alert.id}/acknowledge`, { note: 'On my way.' }, { site })
  const order = await people.omar.post<{ number: string }>(`/v1/alerts/${alert.id}/work-order`, {}, { site })
  await people.omar.post(`/v1/alerts/${alert.id}/feedback`, { verdict: 'confirmed', failureMode: 'VIB', note: 'Outer race spalled.' }, { site })
  await people.omar.post(`/v1/alerts/${alert.id}/close`, { reason: 'Bearing replaced.' }, { site })
  narrator.say(`Omar acknowledges, makes work order ${order.number}, reports a spalled outer race and closes the episode.`)
  return await people.omar.get<AlertView>(`/v1/alerts/${alert.id}`, { site })
}
