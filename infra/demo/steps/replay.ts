import type { Demo } from '../context.ts'

export interface Replayed { readonly class: string; readonly scoreId: string }

/** The score that raised the alert, computed again from stored readings, model and policy: it must agree to the bit. */
export async function replay({ people, narrator, plant }: Demo, scoreId: string): Promise<Replayed> {
  const answer = await people.rita.post<{ class: string; firstDifference: unknown }>(`/v1/scores/${scoreId}/replay`, {}, { site: plant.site })
  if (answer.class !== 'exact') throw new Error(`Replay of score ${scoreId} is ${answer.class}: ${JSON.stringify(answer.firstDifference)}`)
  narrator.say(`Score ${scoreId}, which raised the alert: ${answer.class}. Readings, features, score and decision agree to the bit.`)
  narrator.look(`npm run twinward -- replay ${scoreId} --site ${plant.site}`)
  return { class: answer.class, scoreId }
}
