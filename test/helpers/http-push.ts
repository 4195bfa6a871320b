/** What a machine was answered. */
export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly body: {
    readonly readings?: number
    readonly waveforms?: number
    readonly refused?: number
    readonly problems?: readonly { readonly at: string; readonly name: string | null; readonly detail: string }[]
    readonly type?: string
    readonly detail?: string
    readonly errors?: readonly { readonly at: string }[]
  }
}

/** A machine that sends to `url` with its token. */
export const machine = (url: string, token: string) => async (body: unknown, headers: Record<string, string> = {}, query = ''): Promise<Answered> => {
  const response = await fetch(`${url}/v1/ingest${query}`, {
    method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? body as BodyInit : JSON.stringify(body),
  })
  return { status: response.status, headers: response.headers, body: await response.json() as Answered['body'] }
}

/** Of two senders, by the name of the secret. */
export const TOKENS: Readonly<Record<string, string>> = { ONE: 'one-token-of-16-or-more', TWO: 'another-token-of-16-or-more' }
