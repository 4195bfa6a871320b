import { useEffect, useState } from 'preact/hooks'

/** Path-based routing on the History API: links stay ordinary links, so that they open in a new tab and can be sent on. */
export function useLocation(): URL {
  const [url, setUrl] = useState(() => new URL(location.href))
  useEffect(() => {
    history.scrollRestoration = 'manual'
    const update = (event: PopStateEvent) => {
      setUrl(new URL(location.href))
      // The page that comes back is drawn from what it showed last; then its place can be found again.
      const place = (event.state as { scroll?: number } | null)?.scroll
      if (event.isTrusted) setTimeout(() => scrollTo(0, place ?? 0), 60)
    }
    const click = (event: MouseEvent) => {
      const link = (event.target as Element | null)?.closest('a')
      const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey
      if (!link || !plain || link.origin !== location.origin || link.target || link.hasAttribute('download') || link.hasAttribute('data-plain')) return
      event.preventDefault()
      go(link.href)
    }
    addEventListener('popstate', update)
    addEventListener('click', click)
    return () => { removeEventListener('popstate', update); removeEventListener('click', click) }
  }, [])
  return url
}

export function go(href: string): void {
  if (href === location.href) return
  history.replaceState({ scroll: scrollY }, '')
  history.pushState(null, '', href)
  dispatchEvent(new PopStateEvent('popstate'))
  scrollTo(0, 0)
  // Whoever uses a keyboard or a screen reader goes on at the new page's beginning.
  document.querySelector('main')?.focus({ preventScroll: true })
}

/** A choice of the page, kept in its address: it survives going back, and can be sent on. */
export function setParams(changes: Record<string, string | null>): void {
  const url = new URL(location.href)
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') url.searchParams.delete(name)
    else url.searchParams.set(name, value)
  }
  history.replaceState(history.state, '', url)
  dispatchEvent(new PopStateEvent('popstate'))
}

/** What the browser's tab and history call this page. */
export function usePageTitle(title: string): void {
  useEffect(() => { document.title = `${title} · Twinward` }, [title])
}
