import { z } from 'zod'
import { CliError } from '../errors.ts'

/** Asks what a gateway tells on its own machine; with a body it is told something. */
export async function reachGateway(url: string, place: string, body?: object, patienceMs = 10_000): Promise<Response> {
  return fetch(new URL(place, url), {
    signal: AbortSignal.timeout(patienceMs), ...(body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  }).catch((error: unknown) => {
    const cause = (error as Error & { cause?: { code?: string } }).cause?.code ?? (error as Error).message
    throw new CliError('unreachable', `No gateway answers at ${url} (${cause}). Start it with "twinward edge run SITE.yaml", or name the address of its health with --url.`)
  })
}

/** The same, where only a good answer is one. */
export async function askGateway(url: string, place: string, body?: object): Promise<unknown> {
  const response = await reachGateway(url, place, body)
  const answer: unknown = await response.json().catch(() => undefined)
  if (response.ok && answer !== undefined) return answer
  const refusal = z.object({ code: z.string(), message: z.string() }).safeParse(answer)
  if (refusal.success) throw new CliError(refusal.data.code, `The gateway at ${url}: ${refusal.data.message}.`)
  throw new CliError('not_twinward', `What answers at ${url} is no gateway of Twinward, or an older one. Name the address of its health with --url.`)
}
