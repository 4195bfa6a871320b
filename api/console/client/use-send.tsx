import { useRef, useState } from 'preact/hooks'
import { post } from './api.ts'

export interface Sending {
  readonly busy: boolean
  /** Why the last one was refused; empty: it was not. */
  readonly failure: string
  send<T>(path: string, body: unknown, done: (answer: T) => void): void
}

/** Posts one thing at a time: a second click while the first is under way sends nothing. */
export function useSend(query?: { site?: string }): Sending {
  const [failure, setFailure] = useState('')
  const [busy, setBusy] = useState(false)
  // A state is new only at the next drawing; two clicks of one moment would both see the old one.
  const underWay = useRef(false)
  return {
    busy, failure,
    send<T>(path: string, body: unknown, done: (answer: T) => void) {
      if (underWay.current) return
      underWay.current = true
      setBusy(true)
      setFailure('')
      post<T>(path, body, query).then(done, (cause: unknown) => setFailure((cause as Error).message)).finally(() => {
        underWay.current = false
        setBusy(false)
      })
    },
  }
}

export function Failure({ of }: { of: Sending }) {
  return of.failure === '' ? null : <p class="notice" role="alert">{of.failure}</p>
}
