import { useEffect, useState } from 'preact/hooks'

/** Path-based routing on the History API: links stay ordinary links, so that they open in a new tab and can be sent on. */
export function useLocation(): URL {
  const [url, setUrl] = useState(() => new URL(location.href))
  useEffect(() => {
    const update = () => setUrl(new URL(location.href))
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
  history.pushState(null, '', href)
  dispatchEvent(new PopStateEvent('popstate'))
  scrollTo(0, 0)
}
