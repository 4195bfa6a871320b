import { once } from 'node:events'
import http from 'node:http'
import { z } from 'zod'
import { DomainError, errorStatus, refuse, type ErrorCode } from '../../registry/domain/errors.ts'
import { dialDoor, type DialOptions } from './dial.ts'

const MAX_ANSWER = 65_536
const problemSchema = z.object({ type: z.string(), detail: z.string(), details: z.record(z.string(), z.unknown()).default({}) })

/** One request on a connection of its own. Refuses as the door does, with its words, and as `dialDoor`. */
export async function askDoor<T>(options: DialOptions, method: 'GET' | 'POST', path: string, answer: z.ZodType<T>, body?: unknown): Promise<T> {
  const socket = await dialDoor(options)
  try {
    const text = body === undefined ? '' : JSON.stringify(body)
    const request = http.request({
      createConnection: () => socket, method, path, signal: AbortSignal.any([AbortSignal.timeout(options.timeoutMs ?? 30_000), ...(options.signal ? [options.signal] : [])]),
      headers: { host: options.address, accept: 'application/json', ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }) },
    })
    request.end(text)
    const [response] = await once(request, 'response') as [http.IncomingMessage]
    const parsed = parse(await read(response))
    if (response.statusCode !== 200) throw problemOf(parsed, options.address)
    const result = answer.safeParse(parsed)
    return result.success ? result.data : refuse('contract_broken', `The door at ${options.address} answers ${path} in another way than this gateway understands; update the gateway.`)
  } catch (error) {
    if (error instanceof DomainError) throw error
    return refuse('unavailable', `The door at ${options.address} did not answer ${path}: ${error instanceof Error ? error.message : String(error)}. It is tried again later, or try again.`)
  } finally {
    socket.destroy()
  }
}

async function read(response: http.IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
    text += chunk
    if (text.length > MAX_ANSWER) throw new Error('its answer does not end')
  }
  return text
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function problemOf(document: unknown, address: string): DomainError {
  const problem = problemSchema.safeParse(document)
  const code = problem.data?.type.split(':').at(-1) ?? ''
  if (problem.success && Object.hasOwn(errorStatus, code)) return new DomainError(code as ErrorCode, problem.data.detail, problem.data.details)
  return new DomainError('unavailable', `The door at ${address} cannot answer now${problem.success ? `: ${problem.data.detail}` : ''}. Try again.`)
}
