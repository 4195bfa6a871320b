import type { ComponentChildren } from 'preact'
import { counted } from '../../../../registry/domain/counted.ts'
import type { ApiError } from '../api.ts'
import { now, zone } from '../clock.ts'
import { usePageTitle } from '../router.ts'
import { agoText, exactText, momentText } from '../text/time.ts'

export { counted }

export function Badge({ kind, children }: { kind: string; children: ComponentChildren }) {
  return <span class={`badge badge-${kind}`}>{children}</span>
}

/** Beside data that could not be refreshed: what went wrong, and how old the figures are. */
export function Notice({ error, at }: { error: ApiError | undefined; at?: number | undefined }) {
  if (!error) return null
  return <p class="notice" role="alert">{error.message}{at !== undefined && <> Shown as of <When at={new Date(at).toISOString()} ago />.</>}</p>
}

/** Instead of a page: while it loads, and when it cannot be shown. */
export function Waiting({ error, what, back }: { error: ApiError | undefined; what: string; back: { href: string; label: string } }) {
  usePageTitle(error ? 'Not shown' : what)
  if (!error) return <p class="loading" role="status">Loading…</p>
  return (
    <section class="panel lost">
      <h1>{error.status === 404 ? `There is no such ${what.toLowerCase()}` : 'This cannot be shown now'}</h1>
      <p role="alert">{error.message}</p>
      <p><a class="button" href={back.href}>{back.label}</a></p>
    </section>
  )
}

export function Panel({ title, aside, children, wide }: { title: string; aside?: ComponentChildren; children: ComponentChildren; wide?: boolean }) {
  return (
    <section class={wide ? 'panel panel-wide' : 'panel'}>
      <header><h2>{title}</h2>{aside}</header>
      {children}
    </section>
  )
}

/** Nothing to show: says so, and what comes next. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return <div class="empty"><strong>{title}</strong>{children && <div>{children}</div>}</div>
}

/** A choice among few, kept in the page's address. */
export function Tabs<T extends string>({ label, choices, chosen, onChoose, name = (one) => one }: { label: string; choices: readonly T[]; chosen: T | null; onChoose: (choice: T) => void; name?: (choice: T) => string }) {
  return <div class="tabs" role="group" aria-label={label}>{choices.map((one) => <button key={one} type="button" aria-pressed={one === chosen} onClick={() => onChoose(one)}>{name(one)}</button>)}</div>
}

/** A moment, short for the eye and exact on hover; with `ago`, how long ago beside it. */
export function When({ at, ago }: { at: string | null | undefined; ago?: boolean }) {
  const nowMs = now.use()
  const inZone = zone.use()
  if (!at) return <span class="soft">–</span>
  const ms = Date.parse(at)
  const relative = agoText(ms, Math.max(nowMs, Date.now()))
  return <time dateTime={at} title={`${exactText(ms, inZone)}, ${relative}`}>{momentText(ms, nowMs, inZone)}{ago && <span class="soft"> · {relative}</span>}</time>
}

/** How long ago alone, exact on hover. */
export function Ago({ at }: { at: string }) {
  const nowMs = now.use()
  const ms = Date.parse(at)
  return <time dateTime={at} title={exactText(ms, zone.use())}>{agoText(ms, Math.max(nowMs, Date.now()))}</time>
}

export function shortDigest(digest: string | null | undefined): string {
  return digest ? digest.slice(0, 12) : '–'
}

export function number(value: number | null | undefined, digits = 4): string {
  return value === null || value === undefined || Number.isNaN(value) ? '–' : String(Number(value.toPrecision(digits)))
}
