import { createTurns } from '../../turns.ts'
import { afterInput, type ClientOptions, type Closed, type ModbusClient } from './client.ts'
import type { Line, OpenLine } from './line.ts'
import { createMbapDecoder, mbapRequest, type MbapFrame } from './mbap.ts'
import { readAnswer, type Answer, type ModbusRequest } from './pdu.ts'

interface Open {
  readonly request: ModbusRequest
  readonly settle: (answer: Answer | Closed) => void
}

/** Modbus TCP. Answers find their request by transaction identifier, so a late one can never pass for another's. */
export async function openTcpClient(openLine: OpenLine, options: ClientOptions, signal: AbortSignal): Promise<ModbusClient> {
  const { timeoutMs, pauseMs, inFlight, counters, nowUs, onLost } = options
  const decode = createMbapDecoder()
  const take = createTurns(inFlight)
  const open = new Map<number, Open>()
  let lastTransaction = 0
  let closed: string | null = null

  const lose = (why: string, tell: boolean) => {
    if (closed !== null) return
    closed = why
    line.close()
    if (tell) onLost(why)
    for (const { settle } of [...open.values()]) settle({ kind: 'closed', why })
  }

  const answer = ({ transaction, unit, pdu }: MbapFrame) => {
    const waiting = open.get(transaction)
    if (!waiting) {
      counters.unexpected += 1
      return
    }
    const right = unit === waiting.request.unit
    waiting.settle(right ? readAnswer(waiting.request, pdu, nowUs()) : { kind: 'malformed', why: `unit ${unit} answered for unit ${waiting.request.unit}` })
  }

  const line: Line = await openLine({
    data(bytes) {
      const { frames, broken } = decode(bytes)
      for (const frame of frames) answer(frame)
      if (broken === null || closed !== null) return
      counters.malformed += 1
      lose(`what it sends is not Modbus TCP (${broken}); is another service on this port, or is its framing rtu-over-tcp?`, true)
    },
    closed: (why) => { lose(why, true) },
  }, signal)
  counters.connections += 1

  const nextTransaction = () => {
    do lastTransaction = (lastTransaction + 1) & 0xffff
    while (open.has(lastTransaction))
    return lastTransaction
  }

  return {
    async ask(request) {
      const giveBack = await take()
      if (closed !== null) {
        giveBack()
        return { kind: 'closed', why: closed }
      }
      const transaction = nextTransaction()
      const got = await new Promise<Answer | Closed>((resolve) => {
        const timer = afterInput(timeoutMs, () => { settle({ kind: 'timeout' }) })
        const settle = (outcome: Answer | Closed) => {
          timer.clear()
          open.delete(transaction)
          resolve(outcome)
        }
        open.set(transaction, { request, settle })
        counters.requests += 1
        line.send(mbapRequest(request, transaction))
      })
      if (pauseMs > 0) setTimeout(giveBack, pauseMs)
      else giveBack()
      return got
    },
    close: () => { lose('closed', false) },
  }
}
