import { number } from './bits.tsx'

/** Evidence is plain JSON; it is shown whole, because approvals bind to all of it. Numbers short, nesting as indentation. */
export function Evidence({ value }: { value: unknown }) {
  if (Array.isArray(value)) {
    if (value.every((one) => typeof one !== 'object')) return <>{value.map(String).join(', ') || '–'}</>
    return <ol>{value.map((one, i) => <li key={i}><Evidence value={one} /></li>)}</ol>
  }
  if (value !== null && typeof value === 'object') {
    return (
      <dl class="facts">
        {Object.entries(value).map(([name, one]) => [<dt key={`${name}-t`}>{words(name)}</dt>, <dd key={`${name}-d`}><Evidence value={one} /></dd>])}
      </dl>
    )
  }
  if (typeof value === 'number') return <>{number(value)}</>
  return <>{value === null || value === undefined ? '–' : String(value)}</>
}

const words = (name: string) => name.replaceAll(/([a-z])([A-Z])/g, '$1 $2').replaceAll('_', ' ').toLowerCase()
