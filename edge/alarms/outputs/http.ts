import { NotTaken, type AlarmOutput } from '../teller.ts'
import { alarmMessage, type Sender } from './message.ts'

const TIMEOUT_MS = 10_000
/** Answers that time may change. */
const PASSING: ReadonlySet<number> = new Set([401, 403, 408, 425, 429])

/** POSTs each alarm as JSON; the same revision again carries the same `idempotency-key`. Any 2xx takes it. */
export function createHttpOutput(sender: Sender, { url, token }: { readonly url: string; readonly token: string | null }): AlarmOutput {
  return {
    async send(alarm, signal) {
      const response = await fetch(url, {
        method: 'POST', body: JSON.stringify(alarmMessage(sender, alarm)), redirect: 'error', signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
        headers: { 'content-type': 'application/json', 'idempotency-key': `${alarm.id}/${alarm.revision}`, ...(token !== null && { authorization: `Bearer ${token}` }) },
      }).catch((error: unknown) => { throw new Error(reasonOf(error)) })
      await response.body?.cancel()
      if (response.ok) return
      const said = `it answers ${response.status}; look at what listens there, and at its token`
      throw response.status < 500 && !PASSING.has(response.status) ? new NotTaken(said) : new Error(said)
    },
    close: () => Promise.resolve(),
  }
}

/** Why nobody answered, without the address: it may hold a secret. */
function reasonOf(error: unknown): string {
  const { name, cause } = error as Error & { cause?: { code?: string; message?: string } }
  return name === 'TimeoutError' ? `no answer within ${TIMEOUT_MS / 1000} s` : `no answer (${cause?.code ?? cause?.message ?? name})`
}
