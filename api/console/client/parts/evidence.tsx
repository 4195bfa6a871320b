import { number } from './bits.tsx'

/** Evidence is plain JSON; it is shown whole, because approvals bind to all of it. Numbers short, nesting as indentation. */
export function Evidence({ value }: { value: unknown }) {
  if (Array.isArray(value)) {
    const items: unknown[] = value
    if (items.every((one) => typeof one !== 'object')) return <>{items.map(plain).join(', ') || '–'}</>
    return <ol>{items.map((one, i) => <li key={i}><Evidence value={one} /></li>)}</ol>
  }
  if (value !== null && typeof value === 'object') {
    return (
      <dl class="facts">
        {Object.entries(value as Record<string, unknown>).map(([name, one]) => [<dt key={`${name}-t`}>{words(name)}</dt>, <dd key={`${name}-d`}><Evidence value={one} /></dd>])}
      </dl>
    )
  }
  return <>{plain(value)}</>
}

function plain(value: unknown): string {
  if (typeof value === 'number') return number(value)
  return typeof value === 'string' || typeof value === 'boolean' ? String(value) : '–'
}

const words = (name: string) => name.replaceAll(/([a-z])([A-Z])/g, '$1 $2').replaceAll('_', ' ').toLowerCase()
