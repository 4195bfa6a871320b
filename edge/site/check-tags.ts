import { DomainError } from '../../registry/domain/errors.ts'
import { linearConversion } from '../../registry/domain/contract/unit.ts'
import type { ConnectorKind } from '../connectors/kind.ts'
import { suggest, type Problem } from '../schema-problems.ts'
import { describeMs } from './describe.ts'
import type { SiteHead } from './schema.ts'
import type { SiteTag } from './tags.ts'

/** What no schema sees in the tags of one source: units, addresses, rules that cannot work. */
export function checkTags(tags: readonly SiteTag[], source: { readonly kind: ConnectorKind; readonly config: unknown } | undefined, head: Partial<SiteHead>): Problem[] {
  const problems: Problem[] = []
  const assets = Object.keys(head.assets ?? {})
  const byTag = new Map(tags.map((tag) => [tag.tag, tag]))
  const kindOf = new Map<string, SiteTag>()
  for (const tag of tags) {
    const { address, kind = 'scalar' } = tag
    const add = (key: string | null, message: string) => { problems.push({ path: key === null ? tag.path : [...tag.path, key], message: tag.like === null ? message : `${tag.tag}: ${message}` }) }

    if (tag.unit === undefined) add(null, 'has no unit; add unit: with the UCUM code of what the device gives, e.g. Cel, bar, mm/s, or "1" for a plain number')
    else refusal(() => linearConversion(tag.unit ?? '', tag.canonicalUnit ?? tag.unit ?? '', 'unit'), (message) => { add('unit', message.replace(/^unit: /, '')) })
    if (source) refusal(() => { source.kind.checkAddress(address, kind, source.config) }, (message) => { add('address', message) })

    const other = kindOf.get(address)
    if (other && (other.kind ?? 'scalar') !== kind) add('address', `is read as ${other.kind ?? 'scalar'} for ${other.tag} and as ${kind} here; it is one of them`)
    kindOf.set(address, tag)

    const { every, checks } = tag
    if (checks?.missingAfter !== undefined && every !== undefined && checks.missingAfter <= every) {
      add('checks', `missingAfter ${describeMs(checks.missingAfter)} is not longer than every ${describeMs(every)}: it would always be missing; make it several times as long`)
    }
    checkShip(tag, byTag, head, (message) => { add('ship', message) })
    if (assets.length > 0 && !assets.includes(tag.asset) && tag.like === null) {
      add('tag', `the asset "${tag.asset}" is not among assets${suggest(tag.asset, assets)}`)
    }
  }
  return problems
}

function checkShip({ tag, kind = 'scalar', ship = 'all' }: SiteTag, byTag: ReadonlyMap<string, SiteTag>, head: Partial<SiteHead>, add: (message: string) => void): void {
  if (ship === 'all') return
  if (kind === 'waveform' && ('aggregate' in ship || 'onChange' in ship)) {
    add('a waveform has no single value to compare or to average; ship all, { every: 10min }, or { around: { tag: …, above: … } }')
  }
  if (!('around' in ship)) return
  const { around } = ship
  const watched = byTag.get(around.tag ?? tag)
  // Without the templates, nobody knows all tags.
  if (!watched && head.templates) add(`the watched tag "${around.tag ?? ''}" is none of this source's${suggest(around.tag ?? '', [...byTag.keys()])}`)
  else if (watched?.kind === 'waveform') add(`"${watched.tag}" is a waveform and has no value to compare; watch a scalar tag: around: { tag: … }`)
  if (!head.buffer) return
  const needed = around.before + around.after
  const kept = head.buffer.keepRaw
  if (!kept) add(`windows around events are taken from the raw store, and there is none; add buffer: { keepRaw: { for: 24 h, cap: 2 GiB } }`)
  else if (kept.for < needed) add(`before and after take ${describeMs(needed)}, but raw readings are kept for ${describeMs(kept.for)} only; raise buffer.keepRaw.for`)
}

function refusal(check: () => void, tell: (message: string) => void): void {
  try {
    check()
  } catch (error) {
    if (!(error instanceof DomainError)) throw error
    tell(error.message)
  }
}
