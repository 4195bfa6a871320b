import type { ComponentChildren } from 'preact'
import type { ApiError } from '../api.ts'

export function Badge({ kind, children }: { kind: string; children: ComponentChildren }) {
  return <span class={`badge badge-${kind}`}>{children}</span>
}

export function Notice({ error }: { error: ApiError | undefined }) {
  return error ? <p class="notice" role="alert">{error.message}</p> : null
}

export function Panel({ title, aside, children, wide }: { title: string; aside?: ComponentChildren; children: ComponentChildren; wide?: boolean }) {
  return (
    <section class={wide ? 'panel panel-wide' : 'panel'}>
      <header><h2>{title}</h2>{aside}</header>
      {children}
    </section>
  )
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>
}

/** A moment, short for the eye and exact on hover. */
export function When({ at }: { at: string | null | undefined }) {
  if (!at) return <span class="soft">–</span>
  const date = new Date(at)
  const days = Math.abs(Date.now() - date.getTime()) / 86_400_000
  const text = days < 1 ? date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
    : date.toLocaleString([], { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', ...(days > 300 ? { year: 'numeric' } : {}) })
  return <time dateTime={at} title={at}>{text}</time>
}

export function shortDigest(digest: string | null | undefined): string {
  return digest ? digest.slice(0, 12) : '–'
}

export function number(value: number | null | undefined, digits = 4): string {
  return value === null || value === undefined || Number.isNaN(value) ? '–' : String(Number(value.toPrecision(digits)))
}
